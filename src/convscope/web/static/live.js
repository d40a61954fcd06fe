// What pages with live questions share: choosing an image, asking, hearing the answer line by line, stopping.

const by = (id) => document.getElementById(id);

export function say(sentence) {
  by("error").hidden = !sentence;
  by("error").textContent = sentence || "";
}

export async function sentenceOf(response) {
  try {
    const found = await response.json();
    return found.error || found.detail || response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

// Asks, and calls hear(event) for every line of the answer; throws an Error with a sentence where that fails.
export async function ask(address, question, hear, signal) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/x-ndjson, application/json" },
    body: JSON.stringify(question),
    signal,
  });
  if (!response.ok) throw new Error(await sentenceOf(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const event = JSON.parse(line);
      if (event.error) throw new Error(event.error);
      hear(event);
    }
  }
}

export async function pictureOf(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

// Shows a picture in a canvas of the model's input size, in the middle, as large as fits.
function show(canvas, image, name) {
  const draw = canvas.getContext("2d");
  const scale = Math.min(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  draw.clearRect(0, 0, canvas.width, canvas.height);
  draw.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  canvas.setAttribute("aria-label", `Chosen: ${name}`);
  by("chosen-name").textContent = name;
}

export async function send(file) {
  const largest = Number(by("choose").dataset.largest);
  if (file.size > largest * 1e6) {
    throw new Error(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB, and at most ${largest} MB are taken. Make it smaller.`);
  }
  const response = await fetch("images", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
  if (!response.ok) throw new Error(await sentenceOf(response));
  return (await response.json()).key;
}

// Files that are chosen or dropped: receive(files) is called with at least one.
export function setUpFiles(receive) {
  const zone = by("choose");
  by("file").addEventListener("change", (event) => event.target.files.length && receive([...event.target.files]));
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) receive([...event.dataTransfer.files]);
  });
}

// The fields that find images by their names.
export function setUpFinding() {
  for (const search of document.querySelectorAll("#choose .find")) {
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLocaleLowerCase();
      for (const button of search.closest(".offer").querySelectorAll("[data-image]")) {
        button.parentElement.hidden = !button.dataset.name.toLocaleLowerCase().includes(wanted);
      }
    });
  }
}

// Sets up the choice; returns source(), which says what was chosen, or null. onChoice is told of every choice.
export function setUpChoice(onChoice) {
  let chosen = null;
  const buttons = [...document.querySelectorAll("#choose [data-image]")];
  const mark = (wanted) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === wanted));
  };
  const take = async (button) => {
    const at = button.closest("[data-at]").dataset.at;
    chosen = { at, image: Number(button.dataset.image) };
    mark(button);
    show(by("chosen"), await pictureOf(button.querySelector("img").src), button.dataset.name);
    onChoice(chosen);
  };
  const receive = async (file) => {
    say("");
    try {
      const key = await send(file);
      chosen = { key };
      mark(null);
      const address = URL.createObjectURL(file);
      try {
        show(by("chosen"), await pictureOf(address), file.name);
      } catch {
        // A format that the server reads and this browser does not: the answer shows what the model saw.
        by("chosen-name").textContent = file.name;
      } finally {
        URL.revokeObjectURL(address);
      }
      onChoice(chosen);
    } catch (error) {
      say(error.message);
    }
  };
  for (const button of buttons) button.addEventListener("click", () => take(button));
  setUpFiles(([file]) => receive(file));
  setUpFinding();
  // An image by its number, as in a link: also one that is not among those offered.
  const adopt = async (at, image) => {
    const offered = buttons.find((button) =>
      button.dataset.image === String(image) && button.closest("[data-at]").dataset.at === at);
    if (offered) {
      offered.scrollIntoView({ block: "nearest", inline: "center" });
      return take(offered);
    }
    const page = `../at/${encodeURIComponent(at)}/images/${image}.json`;
    const response = await fetch(page);
    if (!response.ok) throw new Error(`There is no image ${image} in ${at}.`);
    const { image: found } = await response.json();
    chosen = { at, image };
    mark(null);
    if (found.picture) show(by("chosen"), await pictureOf(new URL(found.picture.href, new URL(page, location.href)).href), found.name);
    return onChoice(chosen);
  };
  return { source: () => chosen, adopt };
}

// A form that asks: run(question, hear, signal) is called with what is chosen and the fields; returns start().
export function setUpAsking(form, choice, run) {
  let stop = null;
  const start = async () => {
    if (!choice.source()) {
      say("Choose an image first, or drop a file.");
      return;
    }
    stop?.abort();
    const mine = new AbortController();
    stop = mine;
    say("");
    by("cancel").hidden = false;
    by("progress").value = 0;
    by("told").textContent = "asked";
    try {
      await run(choice.source(), mine.signal);
    } catch (error) {
      if (error.name === "AbortError") {
        if (stop === mine) by("told").textContent = "cancelled; what is shown is what was computed";
      } else {
        by("told").textContent = "";
        say(error.message);
      }
    } finally {
      if (stop === mine) { by("cancel").hidden = true; stop = null; }
    }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
  by("cancel").addEventListener("click", () => stop?.abort());
  return start;
}

export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Progress in words, with the time that is left.
export function clock(total) {
  const begun = performance.now();
  return (done) => {
    by("progress").value = done / total;
    const seconds = (performance.now() - begun) / 1000;
    const left = done ? seconds * (total - done) / done : 0;
    const ahead = done < total && seconds > 1 ? `, ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`} left` : "";
    by("told").textContent = `${done} of ${total} places${ahead}`;
  };
}
