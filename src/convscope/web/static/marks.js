// What is marked: images, parts and a box for each pair of them, with every change undoable. Knows nothing of the page.

export const keyOf = (image, part) => `${image.id}\n${part.id}`;

// names: of the parts to begin with; changed() is called after every change.
export function marksOf(names, most, changed) {
  let made = 0;
  const partOf = (name) => ({ id: `part-${made}`, number: made++, name });
  const parts = names.map(partOf);
  let now = { images: [], parts, boxes: new Map(), part: parts[0] };
  const past = [];
  let kind = null;

  // Changes of one kind that follow each other, such as the steps of a held arrow key, are undone together.
  const change = (next, same = null) => {
    if (same === null || same !== kind) past.push(now);
    kind = same;
    now = { ...now, ...next };
    changed();
  };
  const without = (gone) => new Map([...now.boxes].filter(([, box]) => !gone(box)));
  const check = (holds, sentence) => { if (!holds) throw new Error(sentence); };
  const named = (name, part) => {
    check(name, "A part needs a name.");
    check(name.length <= 200, "The name of a part has at most 200 letters.");
    check(!now.parts.some((other) => other !== part && other.name === name), `There is a part ${name} already.`);
  };
  const room = (images, boxes) => {
    check(images.length <= most.images, `At most ${most.images} images are compared here.`);
    check(boxes.size <= most.boxes, `At most ${most.boxes} boxes are compared here.`);
    const twice = images.find((image, place) => images.findIndex((other) => other.name === image.name) !== place);
    check(!twice, `There is an image ${twice?.name} already; the names of the images have to differ.`);
  };

  return {
    get now() { return now; },
    get undoable() { return past.length > 0; },
    boxOf: (image, part) => now.boxes.get(keyOf(image, part))?.box,
    count: (part) => [...now.boxes.values()].filter((mark) => mark.part === part.id).length,
    choose(part) { now = { ...now, part }; kind = null; changed(); },
    addImage(image) {
      if (now.images.some((other) => other.id === image.id)) return;
      room([...now.images, image], now.boxes);
      change({ images: [...now.images, image] });
    },
    removeImage(image) {
      change({ images: now.images.filter((other) => other.id !== image.id), boxes: without((mark) => mark.image === image.id) });
    },
    addPart() {
      check(now.parts.length < most.parts, `At most ${most.parts} parts are compared here.`);
      let number = now.parts.length + 1;
      while (now.parts.some((part) => part.name === `part ${number}`)) number += 1;
      const part = partOf(`part ${number}`);
      change({ parts: [...now.parts, part], part });
      return part;
    },
    renamePart(part, name) {
      named(name, part);
      const renamed = { ...part, name };
      change({ parts: now.parts.map((other) => (other === part ? renamed : other)), part: now.part === part ? renamed : now.part });
    },
    removePart(part) {
      const left = now.parts.filter((other) => other !== part);
      change({ parts: left, part: now.part === part ? left[0] : now.part, boxes: without((mark) => mark.part === part.id) });
    },
    put(image, part, box, same = null) {
      const boxes = new Map(now.boxes).set(keyOf(image, part), { image: image.id, part: part.id, box });
      room(now.images, boxes);
      change({ boxes, part }, same && `${same} ${keyOf(image, part)}`);
    },
    remove(image, part) {
      const boxes = new Map(now.boxes);
      if (boxes.delete(keyOf(image, part))) change({ boxes });
    },
    // What a file says: [{ image, part: name, box }]; images and parts that are new are added, bare parts go.
    take(entries) {
      const images = [...now.images];
      const marked = now.parts.filter((part) => entries.some((entry) => entry.part === part.name) || this.count(part));
      const boxes = new Map(now.boxes);
      for (const { image, part: name, box } of entries) {
        if (!images.some((other) => other.id === image.id)) images.push(image);
        let part = marked.find((other) => other.name === name);
        if (!part) { part = partOf(name); marked.push(part); }
        boxes.set(keyOf(image, part), { image: image.id, part: part.id, box });
      }
      check(marked.length <= most.parts, `At most ${most.parts} parts are compared here, and there would be ${marked.length}.`);
      room(images, boxes);
      change({ images, parts: marked, boxes, part: marked.find((part) => part.id === now.part?.id) ?? marked[0] });
    },
    undo() {
      if (!past.length) return;
      now = past.pop();
      kind = null;
      changed();
    },
  };
}
