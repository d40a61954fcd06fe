// Images with boxes on them: drawn with mouse, pen or finger, moved with keys.
import { element, keep, shape } from "./elements.js";
import { keyOf } from "./marks.js";

const CLICK = 4; // pixels of the screen; less is no drag
const GRIP = { mouse: 9, pen: 14, touch: 22 }; // around a corner

const within = (value, low, high) => Math.min(Math.max(value, low), high);
const between = ([x, y], [toX, toY]) => [Math.min(x, toX), Math.min(y, toY), Math.max(x, toX), Math.max(y, toY)];
const corners = ([left, top, right, bottom]) => [[left, top], [right, top], [left, bottom], [right, bottom]];

// Moved as far as it stays inside, or for a box that reaches out, no further out.
function moved([left, top, right, bottom], x, y, [width, height]) {
  const across = within(x, Math.min(-left, 0), Math.max(width - right, 0));
  const down = within(y, Math.min(-top, 0), Math.max(height - bottom, 0));
  return [left + across, top + down, right + across, bottom + down];
}

const sized = ([left, top, right, bottom], x, y, [width, height]) =>
  [left, top, within(right + x, left + 1, Math.max(right, width)), within(bottom + y, top + 1, Math.max(bottom, height))];

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Shows marks in a list; size is that of the view, colourOf(part) a colour. Returns show().
export function setUpTiles(list, marks, size, colourOf) {
  const [width, height] = size;
  let drag = null;

  const imageOf = (svg) => marks.now.images.find((image) => image.id === svg.parentElement.dataset.key);
  const placeOf = (svg, event) => {
    const area = svg.getBoundingClientRect();
    const share = (value, start, length) => within((value - start) / length, 0, 1);
    return [Math.round(share(event.clientX, area.left, area.width) * width), Math.round(share(event.clientY, area.top, area.height) * height)];
  };

  // A corner of the chosen part's box that is close, as the corner across from it, which stays.
  const grip = (svg, image, event) => {
    const box = marks.now.part && marks.boxOf(image, marks.now.part);
    if (!box) return null;
    const area = svg.getBoundingClientRect();
    const far = ([x, y]) => Math.hypot(area.left + (x / width) * area.width - event.clientX, area.top + (y / height) * area.height - event.clientY);
    const places = corners(box);
    const best = [0, 1, 2, 3].reduce((one, other) => (far(places[other]) < far(places[one]) ? other : one));
    return far(places[best]) <= (GRIP[event.pointerType] ?? GRIP.mouse) ? places[3 - best] : null;
  };

  const begin = (svg, event) => {
    if (drag || event.button !== 0) return;
    const image = imageOf(svg);
    const start = placeOf(svg, event);
    const tag = event.target.closest(".tag");
    const part = tag ? marks.now.parts.find((each) => each.id === tag.parentElement.dataset.part) : marks.now.part;
    const common = { svg, image, part, start, pointer: event.pointerId, x: event.clientX, y: event.clientY, far: false, box: null };
    if (tag) drag = { ...common, from: marks.boxOf(image, part) };
    else drag = { ...common, anchor: grip(svg, image, event) ?? start };
    svg.setPointerCapture(event.pointerId);
  };

  const follow = (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    drag.far ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= CLICK;
    if (!drag.far || !drag.part) return;
    const place = placeOf(drag.svg, event);
    drag.box = drag.from ? moved(drag.from, place[0] - drag.start[0], place[1] - drag.start[1], size) : between(drag.anchor, place);
    showBoxes(drag.svg, drag.image);
  };

  const end = (event, failed) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    if (!failed) follow(event);
    const { svg, image, part, box, far, start, from } = drag;
    drag = null;
    if (!failed && box && box[0] < box[2] && box[1] < box[3]) failed = !tried(() => marks.put(image, part, box));
    else if (!failed && !far) select(image, start, from && part);
    showBoxes(svg, image);
  };

  // A click chooses the part whose box is under it, the smallest of several.
  const select = (image, [x, y], part) => {
    const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
    const under = marks.now.parts.map((each) => [each, marks.boxOf(image, each)])
      .filter(([, box]) => box && box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3])
      .sort((one, other) => area(one[1]) - area(other[1]));
    const chosen = part || under[0]?.[0];
    if (chosen) marks.choose(chosen);
  };

  const tried = (act) => {
    try {
      act();
      return true;
    } catch (error) {
      list.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
      return false;
    }
  };

  const pressed = (svg, event) => {
    const image = imageOf(svg);
    if (event.key === "Escape" && drag) { drag = null; showBoxes(svg, image); return; }
    const group = event.target.closest("[data-part]");
    const part = group ? marks.now.parts.find((each) => each.id === group.dataset.part) : marks.now.part;
    if (!group) {
      if (event.key !== "Enter" || !part) return;
      event.preventDefault();
      const middle = [width * 3 / 8, height * 3 / 8, width * 5 / 8, height * 5 / 8].map(Math.round);
      if (!marks.boxOf(image, part)) tried(() => marks.put(image, part, middle));
      svg.querySelector(`[data-part="${part.id}"]`)?.focus();
      return;
    }
    const arrow = ARROWS[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (arrow) marks.put(image, part, (event.shiftKey ? sized : moved)(marks.boxOf(image, part), ...arrow, size), "keys");
    else if (event.key === "Delete" || event.key === "Backspace") { marks.remove(image, part); svg.focus(); } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const makeTile = (image) => {
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, tabindex: 0, role: "group" },
      shape("image", { href: image.view, width, height }), shape("g"));
    svg.addEventListener("pointerdown", (event) => begin(svg, event));
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerup", (event) => end(event, false));
    svg.addEventListener("pointercancel", (event) => end(event, true));
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("keydown", (event) => pressed(svg, event));
    const out = element("button", { type: "button", "aria-label": `Take ${image.name} out`, title: "Take it out" }, "\u00d7");
    out.addEventListener("click", () => marks.removeImage(image));
    return element("li", {}, element("div", { class: "name" }, element("span", { title: image.name }, image.name), out), svg);
  };

  const showBoxes = (svg, image) => {
    const boxes = marks.now.parts.map((part) => [part, drag?.box && drag.svg === svg && drag.part === part ? drag.box : marks.boxOf(image, part)])
      .filter(([, box]) => box);
    svg.setAttribute("aria-label", `${image.name}: ${boxes.length} ${boxes.length === 1 ? "box" : "boxes"}. Enter marks the chosen part.`);
    keep(svg.lastChild, boxes.map(([part, box]) => [keyOf(image, part), { part, box }]), makeBox, (group, { part, box }) => showBox(group, part, box));
  };

  const makeBox = ({ part }) => shape("g", { class: "box", "data-part": part.id, tabindex: 0, role: "group", "aria-roledescription": "box" },
    shape("rect", { class: "under" }), shape("rect", { class: "edge" }), shape("g", { class: "grips" }),
    shape("g", { class: "tag" }, shape("rect"), shape("text")));

  const showBox = (group, part, box) => {
    const [under, edge, grips, tag] = group.children;
    const [left, top, right, bottom] = box;
    const colour = colourOf(part);
    for (const rectangle of [under, edge]) {
      for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) rectangle.setAttribute(name, value);
    }
    edge.setAttribute("stroke", colour);
    const chosen = marks.now.part === part;
    group.classList.toggle("now", chosen);
    const radius = width / 60;
    grips.replaceChildren(...(chosen ? corners(box).map(([cx, cy]) => shape("circle", { cx, cy, r: radius, fill: colour })) : []));
    group.setAttribute("aria-label", `${part.name}: left ${short(left)}, top ${short(top)}, right ${short(right)}, bottom ${short(bottom)}`);
    showTag(tag, part.name, box, colour);
  };

  const showTag = (tag, name, [left, top, right, bottom], colour) => {
    const [plate, text] = tag.children;
    const letter = width / 20;
    text.textContent = name.length > 24 ? `${name.slice(0, 23)}\u2026` : name;
    text.setAttribute("font-size", letter);
    const long = text.getComputedTextLength() + letter * 0.8;
    const tall = letter * 1.5;
    const x = within(left, 0, Math.max(width - long, 0));
    // Above the box, or where there is no room below it, so that both stay in sight.
    const y = top >= tall ? top - tall : within(bottom, 0, height - tall);
    for (const [key, value] of Object.entries({ x, y, width: long, height: tall, rx: letter / 5, stroke: colour })) plate.setAttribute(key, value);
    text.setAttribute("x", x + letter * 0.4);
    text.setAttribute("y", y + letter * 1.1);
  };

  return () => keep(list, marks.now.images.map((image) => [image.id, image]), makeTile, (tile, image) => showBoxes(tile.lastChild, image));
}

export const short = (value) => Math.round(value * 100) / 100;
