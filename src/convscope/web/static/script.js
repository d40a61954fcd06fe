// Sorting, filtering, keys and copying. The pages read well without it.
"use strict";

const editing = (target) => target instanceof Element && target.closest("input, select, textarea, [contenteditable]");

function follow(relation) {
  const link = document.querySelector(`a[rel="${relation}"], a[data-turn="${relation}"]`);
  if (link) link.click();
}

function step(distance) {
  const stops = [...document.querySelectorAll("[data-stop]")].filter((stop) => stop.offsetParent !== null);
  if (!stops.length) return;
  const now = stops.indexOf(document.activeElement);
  const next = now < 0 ? 0 : Math.min(Math.max(now + distance, 0), stops.length - 1);
  stops[next].focus();
}

function setUpKeys() {
  const help = document.getElementById("help");
  const keys = {
    ArrowLeft: () => follow("prev"),
    ArrowRight: () => follow("next"),
    j: () => step(1),
    k: () => step(-1),
    p: () => follow("before"),
    n: () => follow("after"),
    u: () => follow("up"),
    "?": () => (help.open ? help.close() : help.showModal()),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || editing(event.target)) return;
    if (help.open && event.key !== "?") return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.querySelector("[data-help]").addEventListener("click", () => help.showModal());
}

function setUpCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const said = button.textContent;
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = said; }, 1500);
    });
  }
}

// Orders and filters are kept in the address, so that going back or sharing a link restores them.
function setUpList() {
  const tools = document.getElementById("tools");
  if (!tools) return;
  const list = document.getElementById("units");
  const cards = [...list.children];
  const count = document.getElementById("count");
  const value = (card, key) => (card.dataset[key] === "" ? -Infinity : Number(card.dataset[key]));
  const every = document.getElementById("every");
  const kinds = {
    all: () => true,
    projected: (card) => card.dataset.projected === "yes",
    living: (card) => card.dataset.dead === "no",
    dead: (card) => card.dataset.dead === "yes",
    mutual: (card) => card.dataset.mutual === "yes",
    alone: (card) => card.dataset.alone === "yes",
  };
  const show = () => {
    const { sort, show: kind, word } = Object.fromEntries(
      ["sort", "show", "word"].map((name) => [name, tools.elements[name]?.value ?? ""]));
    const wanted = word.trim().toLocaleLowerCase();
    const up = sort === "unit" ? 1 : -1;
    const ordered = cards.map((card) => [value(card, sort), Number(card.dataset.unit), card])
      .sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : up * (a[0] < b[0] ? -1 : 1)));
    const kept = ordered.map(([, , card]) => card).filter((card) =>
      kinds[kind](card)
      && (!wanted || (card.dataset.best || "").toLocaleLowerCase().includes(wanted)));
    const same = kept.length === list.children.length && kept.every((card, place) => card === list.children[place]);
    // Taken out, not hidden: hiding thousands of cards that the browser skips anyway takes it seconds.
    if (!same) list.replaceChildren(...kept);
    count.textContent = `${kept.length} of ${cards.length} units`;
    every.hidden = kept.length === cards.length;
    document.getElementById("none").hidden = kept.length > 0;
  };
  const remember = () => {
    const state = new URLSearchParams([...new FormData(tools)].filter(([name, text]) =>
      text && text !== tools.elements[name].dataset.usual));
    history.replaceState(null, "", `#${state}`);
  };
  const restore = () => {
    for (const control of tools.querySelectorAll("[data-usual]")) control.value = control.dataset.usual;
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      const control = tools.elements[name];
      const known = control?.options && [...control.options].some((option) => option.value === text);
      if (known || control?.type === "search") control.value = text;
    }
  };
  addEventListener("hashchange", () => { restore(); show(); });
  tools.hidden = false;
  restore();
  show();
  tools.addEventListener("input", () => { show(); remember(); });
  every.addEventListener("click", () => {
    tools.elements.show.value = "all";
    if (tools.elements.word) tools.elements.word.value = "";
    show();
    remember();
    tools.elements.show.focus();
  });
  tools.addEventListener("submit", (event) => event.preventDefault());
}

// A patch, its projection and its image share a rank: pointing at one lights all.
function setUpRanks() {
  const light = (on) => (event) => {
    const rank = event.target.closest?.("[data-rank]")?.dataset.rank;
    if (rank === undefined) return;
    for (const twin of document.querySelectorAll(`[data-rank="${rank}"]`)) twin.classList.toggle("lit", on);
  };
  for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
    document.addEventListener(name, light(on));
  }
}

setUpKeys();
setUpCopying();
setUpList();
setUpRanks();
