// Sorting, filtering and finding units in a list. The page reads well without it.
"use strict";

const tools = document.getElementById("tools");
const list = document.getElementById("units");
const count = document.getElementById("count");
const every = document.getElementById("every");
const lists = [...list.children];
const size = lists[0]?.children.length || 1;
const offered = (name) => [...tools.elements[name].options].map((option) => option.value);
const orders = offered("sort");
const kinds = offered("show");
// Read once: asking the page for thousands of attributes at each key would be felt. What the page offers to sort by is
// a number of each card, and what it offers to show is a mark that cards have or not, all under the same names.
const cards = [...list.querySelectorAll("li")].map((item) => ({
  item,
  name: item.getAttribute("data-unit"),
  unit: Number(item.getAttribute("data-unit")),
  best: (item.getAttribute("data-best") ?? "").toLocaleLowerCase(),
  by: Object.fromEntries(orders.map((key) => [key, Number(item.getAttribute(`data-${key}`) ?? -Infinity)])),
  is: Object.fromEntries(kinds.map((kind) => [kind, item.hasAttribute(`data-${kind}`)])),
}));
const fits = { all: () => true, living: (card) => !card.is.dead };
let dealt = cards;
let later = 0;

// What is typed may be a unit, 17, or an address, features.3:17, in whole or as far as it got; null is all units.
function wantedUnit(text) {
  const address = list.dataset.layer ?? "";
  const typed = text.trim();
  if (/^\d+$/.test(typed)) return typed;
  if (!typed || `${address}:`.startsWith(typed)) return null;
  return typed.startsWith(`${address}:`) ? typed.slice(address.length + 1) : typed;
}

function kept({ sort, show, word, find }) {
  const named = word.trim().toLocaleLowerCase();
  const number = wantedUnit(find);
  const up = sort === "unit" ? 1 : -1;
  const shown = fits[show] ?? ((card) => card.is[show]);
  return cards
    // A unit that is asked for by its whole number is found whatever else is shown.
    .filter((card) => card.name === number
      || shown(card) && card.best.includes(named) && (number === null || card.name.startsWith(number)))
    .sort((a, b) => (b.name === number) - (a.name === number)
      || (a.by[sort] === b.by[sort] ? a.unit - b.unit : up * (a.by[sort] < b.by[sort] ? -1 : 1)));
}

// Cards are dealt out over lists that the browser skips as a whole where they are out of sight, and those that do not
// fit are taken out: to hide thousands of cards, or to skip them one by one, takes it seconds. What is in sight comes
// at once, the rest a few lists at a time.
function deal(shown) {
  if (shown.length === dealt.length && shown.every((card, place) => card === dealt[place])) return;
  dealt = shown;
  clearTimeout(later);
  const parts = lists.slice(0, Math.ceil(shown.length / size));
  const fill = (from, to) => parts.slice(from, to).forEach((part, place) => {
    const start = (from + place) * size;
    part.replaceChildren(...shown.slice(start, start + size).map((card) => card.item));
  });
  const next = (from) => {
    fill(from, from + 4);
    if (from + 4 < parts.length) later = setTimeout(next, 0, from + 4);
  };
  list.replaceChildren();
  for (const part of lists) part.replaceChildren();
  next(0);
  list.replaceChildren(...parts);
}

function show() {
  const state = Object.fromEntries(
    ["sort", "show", "word", "find"].map((name) => [name, tools.elements[name]?.value ?? ""]));
  const shown = kept(state);
  deal(shown);
  count.textContent = `${shown.length} of ${cards.length} units`;
  every.hidden = shown.length === cards.length;
  document.getElementById("none").hidden = shown.length > 0;
}

// Orders and filters are kept in the address, so that going back or sharing a link restores them.
function remember() {
  const state = new URLSearchParams([...new FormData(tools)].filter(([name, text]) =>
    text && text !== tools.elements[name].dataset.usual));
  history.replaceState(null, "", `#${state}`);
}

function restore() {
  for (const control of tools.querySelectorAll("[data-usual]")) control.value = control.dataset.usual;
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    const control = tools.elements[name];
    const known = control?.options && [...control.options].some((option) => option.value === text);
    if (known || control?.type === "search") control.value = text;
  }
}

addEventListener("hashchange", () => { restore(); show(); });
tools.addEventListener("input", () => { show(); remember(); });
tools.addEventListener("submit", (event) => event.preventDefault());
tools.elements.find?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") list.querySelector("a")?.click();
  if (event.key !== "Escape") return;
  event.target.value = "";
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
  event.target.blur();
});
every.addEventListener("click", () => {
  tools.elements.show.value = "all";
  for (const name of ["word", "find"]) if (tools.elements[name]) tools.elements[name].value = "";
  show();
  remember();
  tools.elements.show.focus();
});
// All full lists are as high as the first one, which the browser knows; it needs to be told of those that it skips.
if (lists.length > 1) {
  new ResizeObserver(([entry]) => {
    if (entry.contentRect.height && lists[0].children.length === size)
      list.style.setProperty("--tall", `${Math.round(entry.contentRect.height)}px`);
  }).observe(lists[0]);
}
tools.hidden = false;
restore();
show();
