// Sorting, filtering and finding units of a layer. The page reads well without it.
"use strict";

const tools = document.getElementById("tools");
const list = document.getElementById("units");
const count = document.getElementById("count");
const every = document.getElementById("every");
const lists = [...list.children];
const size = lists[0]?.children.length || 1;
const cards = [...list.querySelectorAll("li")];
// Read once: asking the page for thousands of attributes at each key would be felt.
const names = ["unit", "peak", "mean", "active", "sparseness", "selectivity", "dead", "projected", "best",
  "score", "overlap", "mutual", "alone"];
const facts = new Map(cards.map((card) =>
  [card, Object.fromEntries(names.map((name) => [name, card.getAttribute(`data-${name}`)]))]));
const kinds = {
  all: () => true,
  projected: (fact) => fact.projected !== null,
  living: (fact) => fact.dead === null,
  dead: (fact) => fact.dead !== null,
  mutual: (fact) => fact.mutual !== null,
  alone: (fact) => fact.alone !== null,
};

// What is typed may be a unit, 17, or an address, features.3:17, in whole or as far as it got; null is all units.
function wantedUnit(text) {
  const address = list.dataset.layer;
  const typed = text.trim();
  if (!typed || `${address}:`.startsWith(typed)) return null;
  return typed.startsWith(`${address}:`) ? typed.slice(address.length + 1) : typed;
}

function kept({ sort, show, word, find }) {
  const named = word.trim().toLocaleLowerCase();
  const number = wantedUnit(find);
  const fits = (fact) => kinds[show](fact)
    && (!named || (fact.best || "").toLocaleLowerCase().includes(named))
    && (number === null || fact.unit.startsWith(number));
  const value = (fact) => (fact[sort] === null ? -Infinity : Number(fact[sort]));
  const up = sort === "unit" ? 1 : -1;
  return cards.filter((card) => fits(facts.get(card)))
    .map((card) => [facts.get(card).unit === number, value(facts.get(card)), Number(facts.get(card).unit), card])
    .sort((a, b) => b[0] - a[0] || (a[1] === b[1] ? a[2] - b[2] : up * (a[1] < b[1] ? -1 : 1)))
    .map((row) => row[3]);
}

// Cards are dealt out over lists that the browser skips as a whole where they are out of sight, and those that do not
// fit are taken out: to hide thousands of cards, or to skip them one by one, takes it seconds.
function deal(shown) {
  if (shown.length === list.querySelectorAll("li").length
    && [...list.querySelectorAll("li")].every((card, place) => card === shown[place])) return;
  const parts = lists.slice(0, Math.ceil(shown.length / size));
  list.replaceChildren();
  parts.forEach((part, number) => part.replaceChildren(...shown.slice(number * size, (number + 1) * size)));
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
tools.elements.find.addEventListener("keydown", (event) => {
  if (event.key === "Enter") list.querySelector("a")?.click();
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
