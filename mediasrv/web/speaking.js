// Who speaks right now: the server's notifications for the others, the microphone's own level for oneself.

import { LevelMeter } from "./level_meter.js";

const HOLD_MS = 700;                // the server tells at most five times a second; a word has gaps
const OWN_INTERVAL_MS = 150;
const OWN_THRESHOLD_DBOV = -45;

/** Event `changed` when `ids` (a Set of participant ids) did. */
export class Speaking extends EventTarget {
  ids = new Set();
  #until = new Map();
  #meter = new LevelMeter();
  #timer = null;
  #me = () => null;

  /** `me()` is one's own participant id. */
  start(me) {
    this.#me = me;
    this.#timer ??= setInterval(() => this.#tick(), OWN_INTERVAL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#until.clear();
    this.ids = new Set();
    this.#meter.close();
  }

  listen(track) {
    this.#meter.listen(track);
  }

  /** The `speaking` notification: only those with voice are in it. */
  heard(levels) {
    for (const id of Object.keys(levels)) if (id !== this.#me()) this.#until.set(id, performance.now() + HOLD_MS);
    this.#settle();
  }

  #tick() {
    if (this.#meter.level() > OWN_THRESHOLD_DBOV) this.#until.set(this.#me(), performance.now() + HOLD_MS);
    this.#settle();
  }

  #settle() {
    const now = performance.now();
    for (const [id, until] of this.#until) if (until < now) this.#until.delete(id);
    const ids = new Set(this.#until.keys());
    if (ids.size === this.ids.size && [...ids].every((id) => this.ids.has(id))) return;
    this.ids = ids;
    this.dispatchEvent(new Event("changed"));
  }
}
