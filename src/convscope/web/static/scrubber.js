// The scrubber of an evolution. Without it the pages show the last checkpoint, and tiles lead to their strips.
"use strict";

const scrub = {
  stage: document.getElementById("evolving"),
  box: document.getElementById("scrub"),
  slider: document.getElementById("at"),
  now: document.getElementById("now"),
  play: document.getElementById("play"),
  marks: [...document.querySelectorAll("#marks li")],
  line: document.querySelector(".chart .now"),
  drawer: document.getElementById("drawer"),
  at: -1, // the checkpoint that is shown
  unit: null, // whose strip is open
};
scrub.count = scrub.marks.length;
scrub.places = scrub.line ? scrub.line.dataset.places.split(" ") : [];

// One rule moves all sprites at once: no element is touched, however many units there are.
const moved = new CSSStyleSheet();
document.adoptedStyleSheets.push(moved);
function moveSprites() {
  const down = scrub.stage.classList.contains("patches") ? "-50%" : "0";
  moved.replaceSync(`.frame img { transform: translate(${(-100 * scrub.at) / scrub.count}%, ${down}); }`);
}

// Units without pictures carry their marks themselves, and only those near the window are kept up to date.
function mark(block) {
  const flag = (item, key) => (item.dataset[key] ?? "").split(" ").includes(String(scrub.at));
  for (const item of block.children) item.className = `${flag(item, "jumps") ? "jumped" : ""} ${flag(item, "silent") ? "silent" : ""}`;
}
const near = new Set();
const watch = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    near[isIntersecting ? "add" : "delete"](target);
    if (isIntersecting) mark(target);
  }
}, { rootMargin: "200px" });

function show(number) {
  const next = Math.min(Math.max(number, 0), scrub.count - 1);
  if (next === scrub.at) return;
  scrub.marks[scrub.at]?.classList.remove("now");
  scrub.marks[next].classList.add("now");
  scrub.at = next;
  moveSprites();
  near.forEach(mark);
  const { label, said } = scrub.marks[next].dataset;
  scrub.slider.value = next;
  scrub.slider.setAttribute("aria-valuetext", `${label}: ${said}`);
  scrub.now.textContent = `${label} · ${said}`;
  if (scrub.line) for (const end of ["x1", "x2"]) scrub.line.setAttribute(end, scrub.places[next]);
  lightColumn();
}

function lightColumn() {
  if (scrub.drawer.hidden) return;
  for (const cell of scrub.drawer.querySelectorAll(".at.now")) cell.classList.remove("now");
  for (const row of scrub.drawer.querySelectorAll("tr")) row.cells[scrub.at + 1].classList.add("now");
}

// The checkpoint stands in the address, so that going back, reloading or another layer keeps it.
function remember() {
  const hash = scrub.at === scrub.count - 1 ? "" : `#at=${scrub.at}`;
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname + location.search);
  for (const link of document.querySelectorAll(".turn a, .stages h3 a")) link.hash = hash;
}

function restore() {
  const asked = new URLSearchParams(location.hash.slice(1)).get("at");
  show(asked !== null && /^\d+$/.test(asked) ? Number(asked) : scrub.count - 1);
  remember();
}

function choosePicture(name) {
  scrub.stage.classList.toggle("patches", name === "patch");
  moveSprites();
  document.querySelector(`[name="picture"][value="${name}"]`).checked = true;
}

function setUpPlaying() {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = 0;
  const word = () => {
    scrub.play.textContent = timer ? "Pause" : still.matches ? "Step" : "Play";
    scrub.play.title = still.matches ? "Show the next checkpoint" : "Show all checkpoints one after the other";
  };
  const stop = () => { clearInterval(timer); timer = 0; word(); remember(); };
  const forward = () => show(scrub.at + 1 < scrub.count ? scrub.at + 1 : 0);
  scrub.play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    forward();
    // Who wants no movement goes on by pressing again.
    if (still.matches) { remember(); return; }
    timer = setInterval(() => {
      show(scrub.at + 1);
      if (scrub.at === scrub.count - 1) stop();
    }, 700);
    word();
  });
  still.addEventListener("change", () => { if (timer) stop(); else word(); });
  scrub.slider.addEventListener("pointerdown", () => { if (timer) stop(); });
  word();
  return stop;
}

function openStrip(tile) {
  const { drawer } = scrub;
  scrub.unit = tile;
  document.getElementById("drawer-name").textContent = `${tile.dataset.of}:${tile.dataset.unit}`;
  document.getElementById("drawer-page").href = tile.href;
  for (const picture of drawer.querySelectorAll("image")) picture.setAttribute("href", tile.dataset.large);
  const peaks = tile.dataset.peaks.trim().split(/\s+/);
  const { cells } = drawer.querySelector('[data-row="peak"]');
  peaks.forEach((peak, number) => { cells[number + 1].textContent = peak === "-" ? "silent" : peak; });
  drawer.hidden = false;
  document.body.classList.add("drawn");
  lightColumn();
  drawer.focus();
}

function closeStrip() {
  if (scrub.drawer.hidden) return;
  scrub.drawer.hidden = true;
  document.body.classList.remove("drawn");
  scrub.unit.focus();
}

function setUpStrips() {
  scrub.stage.addEventListener("click", (event) => {
    const tile = event.target.closest(".moment");
    if (!tile || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    openStrip(tile);
  });
  document.getElementById("drawer-close").addEventListener("click", closeStrip);
}

function setUpSteps(stop) {
  const turn = (number) => { stop(); show(number); remember(); };
  const keys = {
    ",": () => turn(scrub.at - 1),
    ".": () => turn(scrub.at + 1),
    t: () => choosePicture(scrub.stage.classList.contains("patches") ? "projection" : "patch"),
    Escape: closeStrip,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const act = keys[event.key];
    if (act) act();
  });
  scrub.slider.addEventListener("input", () => show(Number(scrub.slider.value)));
  scrub.slider.addEventListener("change", remember);
  document.getElementById("marks").addEventListener("click", (event) => {
    const mark = event.target.closest("li");
    if (mark) turn(scrub.marks.indexOf(mark));
  });
  for (const choice of document.querySelectorAll('[name="picture"]')) {
    choice.addEventListener("change", () => choosePicture(choice.value));
  }
  addEventListener("hashchange", restore);
}

setUpSteps(setUpPlaying());
setUpStrips();
restore();
choosePicture("projection");
for (const block of document.querySelectorAll(".bare")) watch.observe(block);
