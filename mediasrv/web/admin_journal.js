// What happened, the newest first: records of the journal, then events as they come.

import { happened } from "./admin_words.js";
import { byId, element } from "./dom.js";

const KEPT = 300;

export class JournalView {
  #list = byId("journal");
  #onlyRoom = byId("journal-room-only");
  #room = null;
  #seen = new Set();           // "room_id seq": what came as a record and as an event is shown once
  #names = new Map();          // participant id -> identity, as far as it was told

  constructor() {
    this.#onlyRoom.addEventListener("change", () => this.#filter());
  }

  /** The room that is looked at; null: none. */
  set room(name) {
    if (name === this.#room) return;
    this.#room = name;
    this.#filter();
  }

  clear() {
    this.#list.replaceChildren();
    this.#seen.clear();
  }

  add(record) {
    const { room, room_id: roomId, seq, ts, participant } = record;
    if (seq !== null) {
      const key = `${roomId} ${seq}`;
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
    }
    const fields = { ...record.fields };
    if (fields.identity && participant) this.#names.set(participant, fields.identity);
    fields.identity ??= this.#names.get(participant);
    const { text, by } = happened({ ...record, fields });
    const time = new Date(ts);
    const about = [room, by ? `by ${this.#names.get(by) ?? by}` : ""].filter(Boolean).join(", ");
    const item = element("li", {},
      element("time", { datetime: ts, title: time.toLocaleString() }, time.toLocaleTimeString([], { hour12: false })),
      element("div", {}, element("p", {}, text), element("p", { class: "quiet" }, about)));
    item.dataset.room = room;
    item.hidden = !this.#isShown(room);
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
    if (this.#seen.size > 4 * KEPT) this.#seen = new Set([...this.#seen].slice(-2 * KEPT));
    if (this.#names.size > 4 * KEPT) this.#names.delete(this.#names.keys().next().value);
  }

  #isShown(room) {
    return this.#room === null || !this.#onlyRoom.checked || room === this.#room;
  }

  #filter() {
    for (const item of this.#list.children) item.hidden = !this.#isShown(item.dataset.room);
  }
}
