// Figure 5 for one image: a slider moves it, curves and classes follow.
import { ask, clock, pictureOf, save, say, setUpAsking, setUpChoice } from "./live.js";

const by = (id) => document.getElementById(id);
const form = by("ask");
const colours = by("moved").dataset.colours.split(" ");
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 400, 64, 12, 12, 44];
const CLASSES = 5;
let now = null;

const short = (value) => Number(value.toPrecision(4)).toString().replace("-", "\u2212");

function element(kind, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Places of a value on the axes.
function axes(high) {
  const [low, last] = [now.values[0], now.values.at(-1)];
  return {
    x: (value) => LEFT + ((value - low) / (last - low || 1)) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - (value / high) * (HEIGHT - TOP - BOTTOM),
  };
}

function frame(chart, { x, y }, high, words) {
  const parts = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const value = share * high;
    parts.push(element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }));
    parts.push(element("text", { x: LEFT - 6, y: y(value) + 5, "text-anchor": "end" }, short(value)));
  }
  const every = Math.ceil(now.values.length / 9);
  now.values.forEach((value, place) => {
    if (place % every === 0) parts.push(element("text", { x: x(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(value)));
  });
  parts.push(element("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, now.axis));
  const at = x(now.values[now.place]);
  parts.push(element("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "now" }));
  chart.replaceChildren(...parts);
  chart.setAttribute("aria-label", words);
}

function line(chart, { x, y }, values, colour, title) {
  const points = now.values.flatMap((value, place) => (values[place] === null ? [] : [`${x(value)},${y(values[place])}`]));
  const drawn = element("polyline", { points: points.join(" "), color: colour });
  drawn.append(element("title", {}, title));
  chart.append(drawn);
}

function legend(place, rows) {
  place.replaceChildren(...rows.map(([colour, words]) => {
    const entry = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.color = colour;
    entry.append(mark, words);
    return entry;
  }));
}

const colourOf = (place, count) => colours[Math.round((place / Math.max(count - 1, 1)) * (colours.length - 1))];

function drawCurves() {
  const known = now.steps.filter(Boolean).flatMap((step) => step.normalised);
  const high = Math.max(4, Math.ceil(4 * Math.max(0, ...known))) / 4;
  const scale = axes(high);
  frame(by("curves"), scale, high, `Distance of ${now.layers.length} layers by ${now.axis}`);
  const rows = now.layers.map((layer, place) => {
    const colour = colourOf(place, now.layers.length);
    line(by("curves"), scale, now.steps.map((step) => (step ? step.normalised[place] : null)), colour, layer);
    const here = now.steps[now.place];
    return [colour, here ? `${layer} ${short(here.normalised[place])}` : layer];
  });
  legend(by("legend"), rows);
}

// The classes that are most probable somewhere, by their largest probability.
function classes() {
  const largest = new Map();
  for (const step of now.steps) {
    for (const { name, probability } of step ? step.predictions : []) {
      largest.set(name, Math.max(largest.get(name) || 0, probability));
    }
  }
  return [...largest].sort((a, b) => b[1] - a[1]).slice(0, CLASSES).map(([name]) => name);
}

function drawShares() {
  const names = classes();
  const scale = axes(1);
  frame(by("shares"), scale, 1, `Probability of ${names.join(", ")} by ${now.axis}`);
  const rows = names.map((name, place) => {
    const shares = now.steps.map((step) => (step ? step.predictions.find((each) => each.name === name)?.probability ?? null : null));
    line(by("shares"), scale, shares, colourOf(place, names.length), name);
    return [colourOf(place, names.length), name];
  });
  legend(by("classes"), rows);
}

function show() {
  const step = now.steps[now.place];
  by("value").value = now.place;
  by("value-shown").textContent = `${short(now.values[now.place])} (${now.axis})`;
  by("value").setAttribute("aria-valuetext", by("value-shown").textContent);
  if (step) by("view").getContext("2d").drawImage(step.picture, 0, 0);
  by("view").setAttribute("aria-label", `The image at ${by("value-shown").textContent}`);
  const list = document.createElement("ol");
  list.className = "predictions";
  list.append(...(step ? step.predictions : []).map(({ name, probability }) => {
    const entry = document.createElement("li");
    const meter = document.createElement("meter");
    meter.value = probability;
    meter.setAttribute("aria-label", `${name}: ${short(probability)}`);
    entry.append(meter, `${name} ${short(probability)}`);
    return entry;
  }));
  by("predictions").replaceChildren(list);
  drawCurves();
  drawShares();
}

async function begin(told) {
  now = { ...told, steps: told.values.map(() => null), done: 0, tell: clock(told.values.length) };
  now.place = told.values.reduce((best, value, place) =>
    (Math.abs(value - told.identity) < Math.abs(told.values[best] - told.identity) ? place : best), 0);
  by("value").max = told.values.length - 1;
  by("value").disabled = false;
  by("notes").replaceChildren(...told.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  by("table").hidden = false;
  by("view").getContext("2d").drawImage(await pictureOf(told.view), 0, 0);
  show();
}

async function run(source, signal) {
  const fields = Object.fromEntries(new FormData(form));
  const question = { ...source, transform: fields.transform, border: fields.border };
  if (!question.key) history.replaceState(null, "", `?${new URLSearchParams(Object.entries(question))}`);
  let ready = Promise.resolve();
  await ask("move", question, (event) => {
    if (event.waiting) by("told").textContent = `waiting: ${event.waiting} before this`;
    if (event.begun) ready = ready.then(() => begin(event.begun));
    if (event.found) {
      ready = ready.then(async () => {
        const { found } = event;
        now.steps[now.values.indexOf(found.value)] = { ...found, picture: await pictureOf(found.view) };
        now.done += 1;
        now.tell(now.done);
        show();
      });
    }
    if (event.finished) ready = ready.then(() => { by("told").textContent = `${now.done} values in ${event.finished.seconds} s`; });
  }, signal);
  await ready;
}

by("value").addEventListener("input", () => { now.place = Number(by("value").value); show(); });

by("table").addEventListener("click", () => {
  const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const head = ["value", ...now.layers, "label", "label_probability"].map(cell);
  const lines = now.steps.flatMap((step, place) => (step
    ? [[now.values[place], ...step.normalised, step.predictions[0]?.name ?? "", step.predictions[0]?.probability ?? ""]] : []));
  save("invariance.csv", new Blob([`${[head, ...lines.map((each) => each.map((value) => cell(String(value))))].join("\n")}\n`], { type: "text/csv" }));
});

const choice = setUpChoice(() => start());
const start = setUpAsking(form, choice, run);
by("transform").addEventListener("change", () => choice.source() && start());

const linked = new URLSearchParams(location.search);
for (const name of ["transform", "border"]) {
  const field = form.elements[name];
  const value = linked.get(name);
  if (value && (!field.options || [...field.options].some((option) => option.value === value))) field.value = value;
}
if (linked.has("at") && linked.has("image")) choice.adopt(linked.get("at"), Number(linked.get("image"))).catch((error) => say(error.message));
