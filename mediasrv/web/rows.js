// Lists that are drawn anew all the time and whose elements stay: what has the focus keeps it.

import { arrange } from "./dom.js";

export class Rows {
  #parent;
  #make;
  #rows = new Map();

  /** `make(key)` returns {element, update(item)}. */
  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  /** Shows the items, in their order; `keyOf` tells them apart. */
  show(items, keyOf) {
    const rows = new Map();
    for (const item of items) {
      const key = keyOf(item);
      const row = this.#rows.get(key) ?? this.#make(key);
      row.update(item);
      rows.set(key, row);
    }
    this.#rows = rows;
    arrange(this.#parent, [...rows.values()].map((row) => row.element));
  }
}

/**
 * Has `draw` draw a list anew. Who did something about an item by keyboard that has gone goes on with the next, or with
 * `otherwise` where there is none, and not at the top of the page.
 */
export function redraw(list, draw, otherwise) {
  const had = list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  const place = [...list.children].indexOf(had);
  draw();
  if (had === null || had.isConnected) return;
  const next = list.children[Math.min(place, list.children.length - 1)];
  (next?.querySelector("button") ?? otherwise).focus();
}

/** Text that changes only if it does: a selection in it stays. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
