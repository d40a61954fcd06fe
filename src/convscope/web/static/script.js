// Keys, copying and what belongs together. The pages read well without it.
"use strict";

// Keys that mean something where the focus is: a list takes letters and arrows, but no signs.
const taken = (target, key) => target instanceof Element
  && target.closest("/?".includes(key) ? "input, textarea, [contenteditable]" : "input, select, textarea, [contenteditable]");

function follow(relation) {
  // The last: of the links that lead up, the way is from the farthest to the nearest.
  [...document.querySelectorAll(`a[rel="${relation}"], a[data-turn="${relation}"]`)].at(-1)?.click();
}

function step(distance) {
  const stops = [...document.querySelectorAll("[data-stop]")];
  const now = stops.indexOf(document.activeElement);
  let next = now < 0 ? 0 : now + distance;
  // Asked one by one: to ask all of them whether they are shown lays out thousands that are out of sight.
  while (stops[next] && stops[next].offsetParent === null) next += Math.sign(distance);
  stops[next]?.focus();
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
    "/": () => document.querySelector("[data-find]")?.focus(),
    "?": () => (help.open ? help.close() : help.showModal()),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || taken(event.target, event.key)) return;
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
setUpRanks();
