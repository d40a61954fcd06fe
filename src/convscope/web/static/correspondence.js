// Table 1 live: images are chosen, parts are marked on them, kept in a file, and compared.
import { element, keep } from "./elements.js";
import { ask, clock, save, say, send, sentenceOf, setUpAsking, setUpFiles, setUpFinding } from "./live.js";
import { setUpTiles, short } from "./marked.js";
import { keyOf, marksOf } from "./marks.js";
import { inPicture, inView, read, stripped, written } from "./partsfile.js";
import { csvOf, showLeftOut, showTables } from "./parttable.js";

const by = (id) => document.getElementById(id);
const form = by("ask");
const { height, width, colours: listed, images, parts, boxes, dropped } = form.dataset;
const size = [Number(width), Number(height)];
const colours = listed.split(" ");
const most = { images: Number(images), parts: Number(parts), boxes: Number(boxes) };
const LARGEST = 2e6; // bytes of a file of parts
const SIDES = ["left", "top", "right", "bottom"];

const names = [...by("parts").children].map((line) => line.textContent);
by("parts").replaceChildren();
const marks = marksOf(names, most, () => show());
const colourOf = (part) => colours[part.number % colours.length];
const showTiles = setUpTiles(by("marking"), marks, size, colourOf);
const thumbs = [...document.querySelectorAll("#choose [data-image]")];
const atOf = (thumb) => thumb.closest("[data-at]").dataset.at;
let saved = marks.now.boxes;
let found = null;

// Does something, or says in a sentence why not; returns whether it was done.
async function tried(act) {
  say("");
  try {
    await act();
    return true;
  } catch (error) {
    say(error.message);
    show();
    return false;
  }
}

// One after another: images stand in the order in which they were chosen.
let queue = Promise.resolve();
const inTurn = (act) => { queue = queue.then(() => tried(act)); return queue; };

async function viewOf(asked) {
  const response = await fetch(`view?${new URLSearchParams(asked)}`);
  if (!response.ok) throw new Error(await sentenceOf(response));
  return response.json();
}

async function ofAtlas(at, which) {
  const view = await viewOf({ at, ...which });
  return { ...view, id: `at ${at} ${view.image}`, source: { at, image: view.image } };
}

const sent = new Set();

async function receive(file) {
  // Images that were taken out again make room for new ones.
  for (const key of sent) {
    if (!marks.now.images.some((image) => image.source.key === key)) {
      sent.delete(key);
      await fetch(`images/${encodeURIComponent(key)}`, { method: "DELETE" });
    }
  }
  if (sent.size >= Number(dropped)) throw new Error(`At most ${dropped} images of your own are kept at a time. Make an atlas of more.`);
  const key = await send(file);
  sent.add(key);
  const view = await viewOf({ key });
  marks.addImage({ ...view, name: file.name, id: `key ${key}`, source: { key, name: file.name } });
}

function toggle(thumb) {
  const id = `at ${atOf(thumb)} ${thumb.dataset.image}`;
  inTurn(async () => {
    const there = marks.now.images.find((image) => image.id === id);
    if (there) marks.removeImage(there);
    else marks.addImage(await ofAtlas(atOf(thumb), { image: thumb.dataset.image }));
  });
}

function makePart(part) {
  const current = element("input", { type: "radio", name: "current", "aria-label": "draw this part" });
  const name = element("input", { type: "text", maxlength: 200, "aria-label": "name of the part", spellcheck: "false" });
  const gone = element("button", { type: "button", title: "Take the part out" }, "\u00d7");
  const line = element("li", {}, element("label", {}, current, element("i", {})), name, element("span", { class: "small" }), gone);
  const now = () => marks.now.parts.find((each) => each.id === part.id);
  current.addEventListener("change", () => marks.choose(now()));
  name.addEventListener("change", () => tried(() => marks.renamePart(now(), stripped(name.value))));
  gone.addEventListener("click", () => { marks.removePart(now()); by("add").focus(); });
  return line;
}

function showPart(line, part) {
  const [label, name, count, gone] = line.children;
  label.firstChild.checked = marks.now.part === part;
  label.lastChild.style.background = colourOf(part);
  name.value = part.name;
  const shown = marks.count(part);
  count.textContent = shown === 1 ? "1 image, at least 2 are needed" : `${shown} images`;
  gone.setAttribute("aria-label", `Take the part ${part.name} out`);
}

function makeRow({ image, part }) {
  const now = () => marks.now.parts.find((each) => each.id === part.id);
  const inputs = SIDES.map((side, place) => {
    const input = element("input", { type: "number", step: "any", "aria-label": `${side} of ${part.name} on ${image.name}` });
    input.addEventListener("change", () => tried(() => {
      const box = marks.boxOf(image, now()).map((value, at) => (at === place ? input.valueAsNumber : value));
      const fits = box.every((value, at) => value >= 0 && value <= size[at % 2]) && box[0] < box[2] && box[1] < box[3];
      if (!fits) throw new Error(`A box lies inside of ${width} × ${height} pixels, with left < right and top < bottom.`);
      marks.put(image, now(), box);
    }));
    return element("td", {}, input);
  });
  const gone = element("button", { type: "button", "aria-label": `Take the box of ${part.name} on ${image.name} away` }, "\u00d7");
  gone.addEventListener("click", () => { marks.remove(image, now()); by("undo").focus(); });
  return element("tr", {}, element("td", {}, image.name), element("td", {}), ...inputs, element("td", {}, gone));
}

function showRow(row, { part, box }) {
  row.children[1].textContent = part.name;
  box.forEach((value, place) => { row.children[place + 2].firstChild.value = short(value); });
}

const marked = () => marks.now.images.flatMap((image, number) => marks.now.parts.flatMap((part) => {
  const box = marks.boxOf(image, part);
  return box ? [{ image, number, part, box }] : [];
}));

function show() {
  const all = marked();
  const chosen = marks.now.images;
  keep(by("parts"), marks.now.parts.map((part) => [part.id, part]), makePart, showPart);
  showTiles();
  keep(by("boxes"), all.map((each) => [keyOf(each.image, each.part), each]), makeRow, showRow);
  for (const thumb of thumbs) {
    const id = `at ${atOf(thumb)} ${thumb.dataset.image}`;
    thumb.setAttribute("aria-pressed", String(chosen.some((image) => image.id === id)));
  }
  by("count").textContent = chosen.length ? `${chosen.length} of at most ${most.images} ${chosen.length === 1 ? "is" : "are"} chosen.` : "None is chosen yet.";
  by("empty").hidden = chosen.length > 0;
  by("numbers").hidden = !all.length;
  by("undo").disabled = !marks.undoable;
  by("keep").disabled = !all.length;
}

function keepFile() {
  const entries = marked().map(({ image, part, box }) => ({ image: image.name, part: part.name, box: inPicture(image, box, size) }));
  const { name, type, text } = written(entries);
  save(name, new Blob([text], { type }));
  saved = marks.now.boxes;
}

async function load(file) {
  if (file.size > LARGEST) throw new Error(`${file.name} has more than ${LARGEST / 1e6} MB, which no file of parts needs.`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name} is not UTF-8 text.`);
  }
  const entries = read(text);
  if (entries.length > most.boxes) throw new Error(`${file.name} marks ${entries.length} boxes, and at most ${most.boxes} are compared here.`);
  const images = new Map();
  const seen = new Set();
  const taken = [];
  for (const { where, image: name, part, box } of entries) {
    if (!images.has(name)) {
      if (images.size >= most.images) throw new Error(`${file.name} marks more than ${most.images} images, the most that are compared here.`);
      images.set(name, await imageOf(name, where));
    }
    const image = images.get(name);
    if (seen.has(`${image.id}\n${part}`)) throw new Error(`${where}: the ${part} of ${name} is marked a second time; keep one of the two.`);
    seen.add(`${image.id}\n${part}`);
    if (box[2] > image.width + 1 || box[3] > image.height + 1) {
      throw new Error(`${where}: the ${part} of ${name} lies outside of the picture of ${image.width} × ${image.height} pixels.`);
    }
    taken.push({ image, part, box: inView(image, box, size) });
  }
  marks.take(taken);
  saved = marks.now.boxes;
}

// The image that a file means: one that is here, or one of the atlases, which then comes along.
async function imageOf(name, where) {
  const here = marks.now.images.find((image) => image.name === name);
  if (here) return here;
  let sentence = "there is no atlas to find it in";
  for (const at of places()) {
    try {
      const image = await ofAtlas(at, { name });
      return marks.now.images.find((other) => other.id === image.id) ?? image;
    } catch (error) {
      sentence = error.message;
    }
  }
  throw new Error(`${where}: image ${name} is not here: ${sentence}. Drop the file first if it is one of your own.`);
}

function places() {
  const all = [...document.querySelectorAll("#choose [data-at]")].map((each) => each.dataset.at);
  const first = linked.get("at");
  return all.includes(first) ? [first, ...all.filter((at) => at !== first)] : all;
}

function question() {
  const all = marked();
  const lonely = marks.now.parts.find((part) => marks.count(part) === 1);
  if (!all.length) throw new Error("Mark a part first: choose at least two images, and drag a box over the same part on each.");
  if (lonely) throw new Error(`${lonely.name} is marked on one image only, and at least two are compared. Mark it on another one, or take it out.`);
  const used = marks.now.images.filter((image) => all.some((each) => each.image === image));
  const fields = new FormData(form);
  const layers = fields.getAll("layers");
  return {
    images: used.map((image) => image.source),
    parts: all.map(({ image, part, box }) => ({ image: used.indexOf(image), name: part.name, box })),
    draws: Number(fields.get("draws")), where: fields.get("where"), fill: fields.get("fill"),
    ...(layers.length ? { layers } : {}),
  };
}

async function run(source, signal) {
  const asked = question();
  const colour = new Map(marks.now.parts.map((part) => [part.name, colourOf(part)]));
  let tell = null;
  await ask("correspond", asked, (event) => {
    if (event.waiting) by("told").textContent = `waiting: ${event.waiting} before this`;
    if (event.found) {
      tell ??= clock(event.found.of);
      tell(event.found.done);
    }
    if (event.finished) finish(event.finished, asked, (name) => colour.get(name));
  }, signal);
}

function finish(told, asked, colour) {
  found = told;
  const parts = new Set(told.table.map((line) => line.part)).size;
  by("told").textContent = `${parts} ${parts === 1 ? "part" : "parts"} compared in ${told.seconds} s`;
  by("summary").textContent = `${asked.images.length} images, ${asked.parts.length} boxes, ${asked.draws} random regions beside each (${asked.where}), filled with ${asked.fill}. `
    + "A negative difference with a small p: more consistent than chance.";
  showTables(by("tables"), told, colour);
  showLeftOut(by("left"), told.left_out);
  by("notes").replaceChildren(...told.notes.map((note) => element("li", {}, note)));
  by("found").hidden = false;
}

const typing = (target) => target instanceof Element && target.closest("input:not([type=radio]), select, textarea");
document.addEventListener("keydown", (event) => {
  if (typing(event.target) || by("help").open) return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") { event.preventDefault(); marks.undo(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
  const part = marks.now.parts[Number(event.key) - 1];
  if (part) marks.choose(part);
});
addEventListener("beforeunload", (event) => { if (marks.now.boxes.size && marks.now.boxes !== saved) event.preventDefault(); });

for (const thumb of thumbs) thumb.addEventListener("click", () => toggle(thumb));
setUpFiles((files) => { for (const file of files) inTurn(() => receive(file)); });
setUpFinding();
by("add").addEventListener("click", () => tried(() => {
  const part = marks.addPart();
  const name = [...by("parts").children].find((line) => line.dataset.key === part.id).children[1];
  name.focus();
  name.select();
}));
by("undo").addEventListener("click", () => marks.undo());
by("keep").addEventListener("click", keepFile);
by("load").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) inTurn(() => load(file)).then(() => { event.target.value = ""; });
});
by("marking").addEventListener("refused", (event) => say(event.detail));
by("table").addEventListener("click", () => save("correspondence.csv", new Blob([csvOf(found)], { type: "text/csv" })));
setUpAsking(form, { source: () => true }, run);
show();

const linked = new URLSearchParams(location.search);
if (linked.has("at") && linked.has("image")) {
  inTurn(async () => marks.addImage(await ofAtlas(linked.get("at"), { image: linked.get("image") })));
}
