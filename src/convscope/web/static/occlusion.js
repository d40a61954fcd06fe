// The five panels of figure 7, filled in while the occluder slides.
import { ask, clock, pictureOf, save, say, setUpAsking, setUpChoice } from "./live.js";

const by = (id) => document.getElementById(id);
const form = by("ask");
const panels = by("panels");
const canvasOf = (panel) => by(`${panel}-panel`);
const colours = panels.dataset.colours.split(" ");
const marks = panels.dataset.marks.split(" ");
const COARSE = [1, 2, 4];
const FIELDS = ["patch", "stride", "fill", "target", "layer"];
let now = null;

const short = (value) => (value === null ? "" : Number(value.toPrecision(4)).toString().replace("-", "\u2212"));

// Borders of the cells around the occluders' centres.
function edges(places, patch) {
  const centres = places.map((place) => place + patch / 2);
  if (centres.length === 1) return [places[0], places[0] + patch];
  const middles = centres.slice(1).map((centre, index) => (centre + centres[index]) / 2);
  return [2 * centres[0] - middles[0], ...middles, 2 * centres.at(-1) - middles.at(-1)];
}

async function begin(told) {
  const layer = told.layers[0];
  const count = told.rows.length * told.columns.length;
  const [view, fill] = await Promise.all([told.view, told.fill].map(pictureOf));
  const numbers = () => new Array(count).fill(null);
  return {
    ...told, layer, count, done: 0, view, fill, place: null, follows: true,
    down: edges(told.rows, told.patch[0]), across: edges(told.columns, told.patch[1]),
    values: { target: numbers(), sums: numbers(), label: numbers(), label_probability: numbers() },
    tell: clock(count),
  };
}

// A value at a place, or where it is not known yet, that of the coarser place before it.
function near(values, row, column) {
  for (const step of COARSE) {
    const value = values[(row - row % step) * now.columns.length + column - column % step];
    if (value !== null) return value;
  }
  return null;
}

function paint(panel, colourOf) {
  const canvas = canvasOf(panel);
  const draw = canvas.getContext("2d");
  draw.clearRect(0, 0, canvas.width, canvas.height);
  now.rows.forEach((_, row) => now.columns.forEach((__, column) => {
    const value = near(now.values[panel], row, column);
    if (value === null) return;
    draw.fillStyle = colourOf(value);
    const [left, top] = [now.across[column], now.down[row]];
    draw.fillRect(left, top, now.across[column + 1] - left, now.down[row + 1] - top);
  }));
  outline(draw, now.place);
}

function outline(draw, place) {
  if (place === null) return;
  const [top, left] = corner(place);
  for (const [colour, width] of [["#ffffff", 3], ["#000000", 1.4]]) {
    draw.strokeStyle = colour;
    draw.lineWidth = width;
    draw.strokeRect(left, top, now.patch[1], now.patch[0]);
  }
}

const corner = (place) => [now.rows[Math.floor(place / now.columns.length)], now.columns[place % now.columns.length]];

function paintNumbers(panel, unoccluded) {
  const known = now.values[panel].filter((value) => value !== null);
  if (!known.length) return;
  const [low, high] = [Math.min(...known, unoccluded), Math.max(...known, unoccluded)];
  const share = (value) => (high > low ? (value - low) / (high - low) : 0.5);
  paint(panel, (value) => colours[Math.min(Math.floor(share(value) * colours.length), colours.length - 1)]);
  const scale = by(`${panel}-scale`);
  if (!scale.firstChild) scale.append(...["span", "canvas", "span"].map((kind) => document.createElement(kind)));
  const [first, bar, last] = scale.children;
  first.textContent = short(low);
  last.textContent = short(high);
  bar.width = 4 * colours.length;
  bar.height = 12;
  bar.setAttribute("aria-hidden", "true");
  const draw = bar.getContext("2d");
  colours.forEach((colour, index) => { draw.fillStyle = colour; draw.fillRect(4 * index, 0, 4, 8); });
  draw.fillStyle = getComputedStyle(scale).color;
  const x = share(unoccluded) * (bar.width - 1);
  draw.beginPath();
  draw.moveTo(x, 6);
  draw.lineTo(x - 4, 12);
  draw.lineTo(x + 4, 12);
  draw.fill();
}

function paintLabels() {
  const counts = new Map();
  for (const label of now.values.label) if (label !== null) counts.set(label, (counts.get(label) || 0) + 1);
  if (!counts.size) return;
  const ordered = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const colourOf = new Map(ordered.slice(0, marks.length).map(([label], place) => [label, marks[place]]));
  paint("label", (label) => colourOf.get(label) || panels.dataset.others);
  const rows = ordered.slice(0, marks.length).map(([label, count]) => [colourOf.get(label), `${now.classes[label]} (${count})`]);
  const rest = ordered.slice(marks.length).reduce((sum, [, count]) => sum + count, 0);
  if (rest) rows.push([panels.dataset.others, `${ordered.length - marks.length} others (${rest})`]);
  by("label-scale").replaceChildren(...rows.map(([colour, words]) => {
    const line = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.background = colour;
    line.append(mark, words);
    return line;
  }));
}

function paintImage() {
  const canvas = canvasOf("image");
  const draw = canvas.getContext("2d");
  draw.drawImage(now.view, 0, 0);
  if (now.place === null) return;
  const [top, left] = corner(now.place);
  const [height, width] = now.patch;
  draw.drawImage(now.fill, left, top, width, height, left, top, width, height);
  outline(draw, now.place);
}

function paintAll() {
  if (now.follows) now.place = strongest();
  paintImage();
  paintNumbers("target", now.unoccluded);
  paintNumbers("sums", now.layer.unoccluded);
  paintLabels();
  remark();
}

// The place where the target drops most; the first of equals.
function strongest() {
  let best = null;
  now.values.target.forEach((value, place) => {
    if (value !== null && (best === null || value < now.values.target[best])) best = place;
  });
  return best;
}

function remark() {
  if (now.place === null) return;
  const [top, left] = corner(now.place);
  const row = Math.floor(now.place / now.columns.length);
  const at = (name) => near(now.values[name], row, now.place % now.columns.length);
  by("image-remark").textContent = `row ${top}, column ${left}${now.follows ? ": largest drop" : ""}`;
  by("target-remark").textContent = `${short(at("target"))} here, ${short(now.unoccluded)} unoccluded`;
  by("sums-remark").textContent = `${short(at("sums"))} here, ${short(now.layer.unoccluded)} unoccluded`;
  const label = at("label");
  by("label-remark").textContent = label === null ? "this output is not a row of classes" : `${now.classes[label]} (${short(at("label_probability"))})`;
  const words = [by("image-remark"), by("target-remark"), by("label-remark")].map((line) => line.textContent);
  for (const panel of ["image", "target", "sums", "label"]) {
    canvasOf(panel).setAttribute("aria-label", `${by(`${panel}-title`).textContent}. Occluder at ${words.join("; ")}`);
  }
}

function introduce() {
  for (const canvas of panels.querySelectorAll("canvas")) {
    if (canvas.parentElement.className !== "scale") canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }
  by("sums-title").textContent = `strongest map, summed: ${now.layer.address}`;
  by("target-title").textContent = now.quantity;
  by("label-scale").replaceChildren();
  const how = now.layer.method;
  by("projection-title").textContent = `projection of ${now.layer.address}${how ? ` (${how})` : ""}`;
  const [top, left, bottom, right] = now.layer.window;
  by("projection-remark").textContent = how
    ? `peak ${short(now.layer.peak)}; it sees rows ${top}\u2013${bottom - 1}, columns ${left}\u2013${right - 1}` : "no rule projects this layer";
  canvasOf("projection").setAttribute("aria-label", by("projection-title").textContent);
  const list = document.createElement("ol");
  list.className = "predictions";
  list.append(...now.predictions.map(({ name, probability }) => {
    const line = document.createElement("li");
    const meter = document.createElement("meter");
    meter.value = probability;
    meter.setAttribute("aria-label", `${name}: ${short(probability)}`);
    line.append(meter, `${name} ${short(probability)}`);
    return line;
  }));
  by("predictions").replaceChildren(list);
  by("notes").replaceChildren(...now.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  by("found").hidden = false;
  by("summary").textContent = "The bare image:";
  by("command").textContent = command();
  for (const button of document.querySelectorAll("[data-save]")) button.hidden = false;
  by("table").hidden = false;
}

async function project([address]) {
  if (address) canvasOf("projection").getContext("2d").drawImage(await pictureOf(address), 0, 0);
}

const quoted = (text) => (/^[\w.\/:#-]+$/.test(text) && !text.startsWith("#") ? text : `'${text.replaceAll("'", "'\\''")}'`);

function command() {
  const { patch, stride, fill, target, layer } = now.settings;
  const options = [["patch", patch], ["stride", stride], ["fill", fill], ["target", target], ["layers", layer]];
  const words = options.filter(([, value]) => value !== null).map(([name, value]) => `--${name} ${quoted(String(value))}`);
  return `convscope occlude ${quoted(form.dataset.model)} IMAGE -o DIR ${words.join(" ")}`;
}

function take(found) {
  for (const name of Object.keys(now.values)) {
    found[name]?.forEach((value, index) => { now.values[name][found.places[index]] = value; });
  }
  now.done += found.places.length;
  now.tell(now.done);
}

function finish({ seconds }) {
  const place = strongest();
  const [top, left] = corner(place);
  by("told").textContent = `${now.count} places in ${seconds} s`;
  by("summary").textContent = `${now.quantity} is ${short(now.unoccluded)}, and lowest, ${short(now.values.target[place])}, with rows `
    + `${top}\u2013${top + now.patch[0] - 1} and columns ${left}\u2013${left + now.patch[1] - 1} covered. The bare image:`;
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; if (now) paintAll(); });
}

async function run(source, signal) {
  const fields = Object.fromEntries(new FormData(form));
  const question = { ...source, patch: Number(fields.patch), stride: Number(fields.stride), fill: fields.fill, target: fields.target, layer: fields.layer };
  remember(question);
  let ready = Promise.resolve();
  const events = [];
  const flush = () => { for (const event of events.splice(0)) take(event); soon(); };
  await ask("occlude", question, (event) => {
    if (event.waiting) by("told").textContent = `waiting: ${event.waiting} before this`;
    if (event.begun) ready = begin(event.begun).then((made) => { now = made; introduce(); flush(); });
    if (event.projected) ready = ready.then(() => project(event.projected));
    if (event.found) { events.push(event.found); ready.then(flush); }
    if (event.finished) ready = ready.then(() => { flush(); paintAll(); finish(event.finished); });
  }, signal);
  await ready;
}

function remember(question) {
  if (question.key) return;
  history.replaceState(null, "", `?${new URLSearchParams(Object.entries(question))}`);
}

function move(place) {
  if (!now || place === null) return;
  now.follows = false;
  now.place = place;
  soon();
}

function pointed(event) {
  if (!now) return null;
  const canvas = event.currentTarget;
  const box = canvas.getBoundingClientRect();
  const closest = (places, patch, at) => places.reduce((best, place, index) =>
    (Math.abs(place + patch / 2 - at) < Math.abs(places[best] + patch / 2 - at) ? index : best), 0);
  const row = closest(now.rows, now.patch[0], ((event.clientY - box.top) / box.height) * canvas.height);
  const column = closest(now.columns, now.patch[1], ((event.clientX - box.left) / box.width) * canvas.width);
  return row * now.columns.length + column;
}

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

for (const panel of ["image", "sums", "target", "label"]) {
  const canvas = canvasOf(panel);
  canvas.addEventListener("pointermove", (event) => move(pointed(event)));
  canvas.addEventListener("pointerdown", (event) => move(pointed(event)));
  canvas.addEventListener("pointerleave", () => { if (now) { now.follows = true; soon(); } });
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || !now) return;
    event.preventDefault();
    event.stopPropagation();
    const width = now.columns.length;
    const place = now.place ?? 0;
    const row = Math.min(Math.max(Math.floor(place / width) + arrow[0], 0), now.rows.length - 1);
    const column = Math.min(Math.max(place % width + arrow[1], 0), width - 1);
    move(row * width + column);
  });
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => canvasOf(button.dataset.save).toBlob((blob) => save(`occlusion-${button.dataset.save}.png`, blob)));
}

by("table").addEventListener("click", () => {
  const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = now.values.target.map((value, place) => [
    ...corner(place), value, now.values.sums[place], now.values.label_probability[place], now.classes[now.values.label[place]],
  ].map((each) => cell(String(each ?? ""))).join(","));
  const table = ["row,column,target,sum,label_probability,label", ...lines].join("\n");
  save("occlusion.csv", new Blob([`${table}\n`], { type: "text/csv" }));
});

const choice = setUpChoice(() => start());
const start = setUpAsking(form, choice, run);

const linked = new URLSearchParams(location.search);
for (const name of FIELDS) {
  const value = linked.get(name);
  const field = form.elements[name];
  if (value && (!field.options || [...field.options].some((option) => option.value === value))) field.value = value;
}
if (linked.has("at") && linked.has("image")) choice.adopt(linked.get("at"), Number(linked.get("image"))).catch((error) => say(error.message));
