// Elements made by scripts, and lists of them that follow what they show.

const SVG = "http://www.w3.org/2000/svg";

export function element(kind, attributes = {}, ...inside) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

export function shape(kind, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

// A child for each key: made once and then only updated, so that focus and typing are not lost.
export function keep(parent, items, make, update) {
  const old = new Map([...parent.children].filter((child) => child.dataset.key !== undefined).map((child) => [child.dataset.key, child]));
  items.forEach(([key, item], place) => {
    const child = old.get(key) ?? make(item, key);
    old.delete(key);
    child.dataset.key = key;
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    update(child, item);
  });
  for (const child of [...parent.children].slice(items.length)) child.remove();
}
