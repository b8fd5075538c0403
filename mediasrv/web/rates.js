// From counts that only grow to rates: what came between two looks, by the second.

const KEPT = 4_096;

export class Rates {
  #before = new Map();         // by key: {count, ts, rate}

  /** The rate of what `key` names, a second; null at the first look, and after a count that began anew. */
  of(key, count, ts) {
    const before = this.#before.get(key);
    if (before && ts === before.ts) return before.rate;
    let rate = null;
    if (before && count >= before.count && ts > before.ts) rate = (count - before.count) / (ts - before.ts);
    this.#before.delete(key);
    this.#before.set(key, { count, ts, rate });
    if (this.#before.size > KEPT) this.#before.delete(this.#before.keys().next().value);
    return rate;
  }
}
