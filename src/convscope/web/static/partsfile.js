// Files of marked parts: CSV, or the list form of JSON. Boxes in them are in pixels of the pictures themselves.

const COLUMNS = ["image", "part", "left", "top", "right", "bottom"];
const FORMS = `Expected CSV with the header ${COLUMNS.join(",")}, or JSON, a list of {"image": "a.jpg", "part": "nose", "box": [left, top, right, bottom]}.`;
const LARGEST = 1e6;
// What Python and this language together take for space: readers strip the one or the other.
const ENDS = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/gu;

export const stripped = (text) => text.replace(ENDS, "");

// A box of the view in pixels of its picture, and back; image.box is what the view shows of it.
export function inPicture(image, [left, top, right, bottom], [width, height]) {
  const [x, y, endX, endY] = image.box;
  const across = (value) => x + (value / width) * (endX - x);
  const down = (value) => y + (value / height) * (endY - y);
  const tidy = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 1000) / 1000;
  return [tidy(across(left), image.width), tidy(down(top), image.height), tidy(across(right), image.width), tidy(down(bottom), image.height)];
}

export function inView(image, [left, top, right, bottom], [width, height]) {
  const [x, y, endX, endY] = image.box;
  const across = (value) => ((value - x) / (endX - x)) * width;
  const down = (value) => ((value - y) / (endY - y)) * height;
  return [across(left), down(top), across(right), down(bottom)];
}

// Entries { image: name, part: name, box } as { name, type, text }: CSV, unless that would change a name.
export function written(entries) {
  if (entries.some(({ image, part }) => stripped(image) !== image || stripped(part) !== part)) {
    return { name: "parts.json", type: "application/json", text: `${JSON.stringify(entries, null, 1)}\n` };
  }
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value));
  const lines = [COLUMNS, ...entries.map(({ image, part, box }) => [image, part, ...box])];
  return { name: "parts.csv", type: "text/csv", text: `${lines.map((line) => line.map((value) => cell(String(value))).join(",")).join("\n")}\n` };
}

// The entries of a file; throws an Error with a sentence.
export function read(text) {
  const json = /^\s*[[{]/.test(text);
  const entries = json ? fromJson(text) : fromCsv(text);
  if (!entries.length) throw new Error(`The file marks no part. ${FORMS}`);
  return entries.map(checked);
}

function checked({ where, image, part, box }) {
  if (typeof image !== "string" || typeof part !== "string" || !image || !part) {
    throw new Error(`${where} names no image or no part. ${FORMS}`);
  }
  if (!Array.isArray(box) || box.length !== 4 || !box.every((value) => typeof value === "number" && value >= 0 && value <= LARGEST)) {
    throw new Error(`${where}: the box is not four numbers of 0 to ${LARGEST}: left, top, right, bottom.`);
  }
  if (box[0] >= box[2] || box[1] >= box[3]) throw new Error(`${where}: the box is empty; left < right and top < bottom is expected.`);
  return { where, image, part, box };
}

function fromJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`The file is not JSON: ${error.message}. ${FORMS}`);
  }
  if (!Array.isArray(value)) throw new Error(`The file is JSON, but no list; COCO is read by convscope correspond only. ${FORMS}`);
  return value.map((entry, place) => {
    const where = `Entry ${place}`;
    const fields = entry && typeof entry === "object" ? Object.keys(entry).sort().join() : "";
    if (fields !== "box,image,part") throw new Error(`${where} has not the fields image, part, box. ${FORMS}`);
    return { where, image: entry.image, part: entry.part, box: entry.box };
  });
}

function fromCsv(text) {
  const [head, ...rows] = rowsOf(text);
  const header = head ? head.cells.map(stripped) : [];
  if ([...header].sort().join() !== [...COLUMNS].sort().join()) throw new Error(`The file begins with ${header.join().slice(0, 80)}. ${FORMS}`);
  return rows.filter(({ cells }) => cells.some(stripped)).map(({ line, cells }) => {
    const where = `Line ${line}`;
    if (cells.length !== header.length) throw new Error(`${where} has ${cells.length} cells, expected ${header.length}.`);
    const cell = Object.fromEntries(header.map((name, place) => [name, stripped(cells[place])]));
    return { where, image: cell.image, part: cell.part, box: COLUMNS.slice(2).map((side) => numberOf(cell[side])) };
  });
}

const numberOf = (text) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text);

// Rows of cells, each with the line on which it ends; a quoted cell may hold commas, quotes and line breaks.
function rowsOf(text) {
  const rows = [];
  let cells = [];
  let line = 1;
  let place = 0;
  while (place < text.length) {
    let value;
    if (text[place] === '"') {
      const quoted = /"((?:[^"]|"")*)"/y;
      quoted.lastIndex = place;
      const found = quoted.exec(text);
      if (!found) throw new Error(`Line ${line}: a quote is opened and not closed.`);
      value = found[1].replaceAll('""', '"');
      line += (found[1].match(/\r\n|\r|\n/g) || []).length;
      place = quoted.lastIndex;
      if (place < text.length && !",\r\n".includes(text[place])) throw new Error(`Line ${line}: something stands behind a closed quote.`);
    } else {
      const plain = /[^,\r\n]*/y;
      plain.lastIndex = place;
      [value] = plain.exec(text);
      place = plain.lastIndex;
    }
    cells.push(value);
    if (text[place] === ",") {
      place += 1;
      if (place === text.length) cells.push("");
      continue;
    }
    rows.push({ line, cells });
    cells = [];
    place += text.startsWith("\r\n", place) ? 2 : 1;
    line += 1;
  }
  if (cells.length) rows.push({ line, cells });
  return rows;
}
