// Table 1 and its picture: each part beside its random draws, for each layer.
import { element, shape } from "./elements.js";

const ROW = 42;
const SIDES = ["image", "part", "reason"];

const digits = (value) => value.toFixed(3).replace("-", "\u2212");
const spread = (value, of) => (of === null ? digits(value) : `${digits(value)} \u00b1 ${digits(of)}`);
const range = (low, high) => (low === null ? "\u2013" : `${digits(low)} to ${digits(high)}`);
const chance = (p) => (p < 0.001 ? p.toExponential(0).replace("-", "\u2212") : p.toFixed(3));
const percent = (share) => `${(100 * share).toFixed(1)}%`;

const COLUMNS = [
  ["images", (line) => line.images],
  ["\u0394 \u00b1", (line) => spread(line.delta, line.spread)],
  ["95% interval", (line) => range(line.low, line.high)],
  ["random \u0394 \u00b1", (line) => spread(line.random_delta, line.random_spread)],
  ["difference", (line) => digits(line.difference)],
  ["95% interval", (line) => range(line.difference_low, line.difference_high)],
  ["p", (line) => chance(line.p)],
  ["features changed", (line) => percent(line.changed)],
  ["by random", (line) => percent(line.random_changed)],
];

// All of found.table as CSV, with the columns of the command's table.csv.
export function csvOf(found) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const names = Object.keys(found.table[0]).filter((name) => name !== "draws");
  const lines = found.table.map((line) => names.map((name) => cell(String(line[name] ?? ""))));
  return `${[names, ...lines].map((line) => line.join(",")).join("\n")}\n`;
}

export function showTables(place, found, colourOf) {
  place.replaceChildren(...found.layers.map(({ layer, dimensions }) => {
    const lines = found.table.filter((line) => line.layer === layer);
    const random = found.random.find((entry) => entry.layer === layer).delta;
    return element("section", { class: "layertable" },
      element("h3", { class: "mono" }, layer), element("p", { class: "small soft" }, `${dimensions} features; random regions over all parts: \u0394 ${digits(random)}`),
      picture(lines, colourOf, layer), taking(`correspondence ${layer}`), table(lines, layer));
  }));
}

// For take.js, as the templates make them.
function taking(name) {
  return element("p", { class: "take" }, ...["svg", "png"].map((kind) => element("button",
    { type: "button", "data-take": kind, "data-name": name, "aria-label": `Save the figure as ${kind.toUpperCase()}` }, kind.toUpperCase())));
}

function table(lines, layer) {
  const head = element("tr", {}, element("th", { scope: "col" }, "part"),
    ...COLUMNS.map(([name]) => element("th", { scope: "col", class: "number" }, name)));
  const rows = lines.map((line) => element("tr", {}, element("th", { scope: "row" }, line.part),
    ...COLUMNS.map(([, text]) => element("td", { class: "number" }, text(line)))));
  const made = element("table", { class: "dense" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table 1 at ${layer}` }, made);
}

// Across in percent, so that words keep their size on a narrow screen.
function picture(lines, colourOf, layer) {
  const all = lines.flatMap((line) => [line.delta, line.low ?? line.delta, line.high ?? line.delta, ...line.draws]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2].find((each) => (high - low) / each <= 4) ?? 0.5;
  const [first, last] = [Math.floor(low / step), Math.max(Math.ceil(high / step), Math.floor(low / step) + 1)];
  const x = (value) => `${4 + ((value / step - first) / (last - first)) * 92}%`;
  const bottom = lines.length * ROW + 4;
  const ticks = Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
  const made = shape("svg", { class: "chart deltas", height: bottom + 54, role: "img", "aria-label":
    `\u0394 at ${layer}: ${lines.map((line) => `${line.part} ${digits(line.delta)}, random ${digits(line.random_delta)}`).join("; ")}` });
  for (const tick of ticks) {
    made.append(shape("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: bottom }),
      shape("text", { x: x(tick), y: bottom + 15, "text-anchor": "middle" }, String(Number(tick.toFixed(3)))));
  }
  lines.forEach((line, place) => {
    const y = place * ROW + 24;
    const colour = colourOf(line.part);
    made.append(shape("text", { class: "part", x: "1%", y: y - 10 }, line.part));
    for (const delta of line.draws) made.append(shape("circle", { class: "draw", cx: x(delta), cy: y + 10, r: 3.5 }));
    if (line.low !== null) made.append(shape("line", { x1: x(line.low), x2: x(line.high), y1: y, y2: y, stroke: colour, "stroke-width": 3 }));
    made.append(shape("circle", { class: "delta", cx: x(line.delta), cy: y, r: 6, fill: colour }, shape("title", {}, `${line.part}: ${digits(line.delta)}`)));
  });
  made.append(shape("text", { x: "1%", y: bottom + 33 }, "\u0394 with its interval; grey: random draws"),
    shape("text", { x: "1%", y: bottom + 47 }, "the lower, the more consistent"));
  return made;
}

export function showLeftOut(place, listed) {
  if (!listed.length) { place.replaceChildren(); return; }
  const rows = listed.map((entry) => element("tr", {}, ...SIDES.map((side) => element("td", {}, entry[side] || "all parts"))));
  place.replaceChildren(element("h3", {}, "Left out"), element("div", { class: "scroll" },
    element("table", {}, element("thead", {}, element("tr", {}, ...SIDES.map((side) => element("th", { scope: "col" }, side)))), element("tbody", {}, ...rows))));
}
