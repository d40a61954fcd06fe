// Saves what stands before a button: a drawing as SVG or PNG with the looks it has on the page, a table as CSV.
"use strict";

{
  const SVG = "http://www.w3.org/2000/svg";
  const LOOKS = [
    "fill", "fill-opacity", "fill-rule", "font-family", "font-size", "font-weight", "opacity", "overflow", "stroke",
    "stroke-dasharray", "stroke-linejoin", "stroke-opacity", "stroke-width", "text-anchor",
  ];
  const MARGIN = 8;
  const LINE = 22;
  const SHARP = 2; // pixels of a PNG for one of the page

  function shape(kind, attributes, ...inside) {
    const made = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  // The style sheet does not go with the file, so every part gets its looks as attributes. Links would lead nowhere.
  function dressed(drawn) {
    const copy = drawn.cloneNode(true);
    const parts = [copy, ...copy.querySelectorAll("*")];
    [drawn, ...drawn.querySelectorAll("*")].forEach((part, place) => {
      const looks = getComputedStyle(part);
      for (const name of LOOKS) parts[place].setAttribute(name, looks.getPropertyValue(name));
      for (const name of ["class", "href", "tabindex"]) parts[place].removeAttribute(name);
    });
    return copy;
  }

  // Words may reach past the drawing, as far as its page lets them.
  function extent(drawn) {
    const boxes = [drawn, ...drawn.querySelectorAll("text, path, line, rect, circle")].map((part) => part.getBoundingClientRect());
    return {
      left: Math.min(...boxes.map((box) => box.left)), right: Math.max(...boxes.map((box) => box.right)),
      top: Math.min(...boxes.map((box) => box.top)), bottom: Math.max(...boxes.map((box) => box.bottom)),
    };
  }

  // What the colours mean stands beside the drawing, as words of the page.
  function legend(drawn) {
    const key = drawn.parentElement.querySelector(".key, .scale");
    return [...(key ? key.children : [])].map((entry) => {
      const mark = entry.querySelector("path, i");
      const looks = mark && getComputedStyle(mark);
      return { words: entry.textContent.trim(), colour: looks && (mark.matches("i") ? looks.backgroundColor : looks.stroke) };
    });
  }

  function paper(element) {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && element.parentElement ? paper(element.parentElement) : colour;
  }

  function fileOf(drawn) {
    const [own, all, key] = [drawn.getBoundingClientRect(), extent(drawn), legend(drawn)];
    const width = Math.ceil(all.right - all.left) + 2 * MARGIN + 1;
    const high = Math.ceil(all.bottom - all.top) + 2 * MARGIN + 1;
    const height = high + LINE * key.length;
    const copy = dressed(drawn);
    const [x, y] = [Math.ceil(own.left - all.left) + MARGIN, Math.ceil(own.top - all.top) + MARGIN];
    const place = { x, y, width: own.width, height: own.height };
    for (const [name, value] of Object.entries({ ...place, overflow: "visible" })) copy.setAttribute(name, value);
    const page = getComputedStyle(drawn.parentElement);
    const words = { "font-family": page.fontFamily, "font-size": 13, fill: page.color };
    const lines = key.flatMap((entry, row) => {
      const y = high + row * LINE + LINE / 2 - MARGIN / 2;
      const mark = entry.colour ? [shape("line", { x1: MARGIN, x2: MARGIN + 22, y1: y, y2: y, stroke: entry.colour, "stroke-width": 2 })] : [];
      return [...mark, shape("text", { ...words, x: MARGIN + 30, y: y + 4 }, entry.words)];
    });
    const back = shape("rect", { width: "100%", height: "100%", fill: paper(drawn) });
    const sheet = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, back, copy, ...lines);
    return { text: new XMLSerializer().serializeToString(sheet), width, height };
  }

  async function painted({ text, width, height }) {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: SHARP * width, height: SHARP * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, "image/png"); });
  }

  // As shown, but with a plain minus. A name that a spreadsheet would take for a formula is marked as text.
  function valueOf(cell) {
    const shown = (cell.innerText ?? cell.textContent).replace(/\s+/g, " ").trim();
    if (shown === "\u2013") return "";
    const value = shown.replaceAll("\u2212", "-");
    const safe = /^[=+@]|^-(?![\d.])/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  // Columns that hold drawings only are left out.
  function linesOf(table) {
    const rows = [...table.rows].map((row) => [...row.cells].flatMap((cell) => [valueOf(cell), ...Array(cell.colSpan - 1).fill("")]));
    const filled = rows[0].map((_, column) => rows.some((row) => row[column]));
    return rows.map((row) => row.filter((_, column) => filled[column]).join(","));
  }

  const MADE = {
    svg: (drawn) => new Blob([fileOf(drawn).text], { type: "image/svg+xml" }),
    png: (drawn) => painted(fileOf(drawn)),
    csv: (table) => new Blob([`${linesOf(table).join("\r\n")}\r\n`], { type: "text/csv" }),
  };

  function before(row, kind) {
    const wanted = kind === "csv" ? "table" : "svg[role]";
    for (let near = row.previousElementSibling; near; near = near.previousElementSibling) {
      const found = near.matches(wanted) ? near : near.querySelector(wanted);
      if (found) return found;
    }
    throw new Error(`no ${wanted} stands before a button to save one`);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-take]");
    if (!button) return;
    const kind = button.dataset.take;
    const blob = await MADE[kind](before(button.closest(".take"), kind));
    const name = button.dataset.name.replace(/[^\w.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 80) || "figure";
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
