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

/** Text that changes only if it does: a selection in it stays. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
