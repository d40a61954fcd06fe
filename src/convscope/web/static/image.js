// What the network says of the image, asked of the server.
"use strict";

const predictions = document.getElementById("predictions");

function line(words, share) {
  const entry = document.createElement("li");
  if (share !== undefined) {
    const meter = document.createElement("meter");
    meter.value = share;
    meter.setAttribute("aria-label", words);
    entry.append(meter);
  }
  entry.append(words);
  return entry;
}

async function fill() {
  const response = await fetch(predictions.dataset.from, { headers: { Accept: "application/json" } });
  const found = await response.json();
  if (!response.ok) throw new Error(found.error || response.statusText);
  const lines = found.predictions.map(({ name, probability }) => line(`${name} ${Number(probability.toPrecision(4))}`, probability));
  predictions.replaceChildren(...(lines.length ? lines : [line("its output is not a row of classes")]));
}

fill().catch((error) => predictions.replaceChildren(line(error.message)));
