// Who is banned from a room, which need not be open; bans are lifted here, and imposed.

import * as words from "./admin_words.js";
import { byId, element } from "./dom.js";
import { redraw, Rows, setText } from "./rows.js";

/**
 * Event `room` ({name}): its bans are wanted, `show` them. Events `lift` ({room, ban}) and `ban` ({room}): somebody wants
 * a ban lifted, or somebody banned.
 */
export class BansView extends EventTarget {
  #rows = new Rows(byId("bans"), (id) => this.#makeBan(id));
  #input = byId("bans-room");
  #room = "";                  // whose bans are looked at; empty: none
  #bans = [];
  #ts = 0;                     // the server's time

  constructor() {
    super();
    byId("bans-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.look(this.#input.value.trim());
    });
    byId("bans-add").addEventListener("click", () => {
      const room = this.#input.value.trim();
      this.look(room);
      if (room) this.#emit("ban", { room });
    });
  }

  /** Looks at the bans of this room. */
  look(name) {
    this.clear();
    this.#input.value = name;
    this.#room = name;
    if (name) this.#emit("room", { name });
    else this.#input.focus();
  }

  show(room, bans) {
    if (room !== this.#room) return;       // another one is looked at meanwhile
    this.#bans = bans;
    this.#draw();
  }

  /** It is so late on the server: bans end by themselves. */
  tick(ts) {
    this.#ts = ts;
    if (this.#bans.length) this.#draw();
  }

  /** Something happened somewhere. */
  happened({ event, room }) {
    if (room === this.#room && ["participant_banned", "ban_lifted"].includes(event)) this.#emit("room", { name: room });
  }

  clear() {
    this.#room = "";
    this.#bans = [];
    this.#input.value = "";
    this.#rows.show([], () => "");
    setText(byId("bans-about"), "");
  }

  #draw() {
    const holding = this.#bans.filter(({ until }) => until > this.#ts);
    const who = holding.length === 0 ? "Nobody is" : holding.length === 1 ? "One is" : `${holding.length} are`;
    setText(byId("bans-about"), `${who} banned from ${this.#room}.`);
    redraw(byId("bans"), () => this.#rows.show(holding, ({ id }) => id), this.#input);
  }

  #makeBan(id) {
    const who = element("b");
    const about = element("span", { class: "quiet" });
    const lift = element("button", { type: "button", class: "secondary" }, "Lift");
    let shown = null;
    lift.addEventListener("click", () => this.#emit("lift", { room: this.#room, ban: shown }));
    return {
      element: element("li", {}, element("span", {}, who, " ", about), lift),
      update: (ban) => {
        shown = ban;
        setText(who, nameOf(ban));
        const left = words.duration(ban.until - this.#ts);
        setText(about, [`for ${left} more`, `by ${ban.by}`, ban.reason].filter(Boolean).join(" · "));
        lift.setAttribute("aria-label", `Lift the ban of ${nameOf(ban)}`);
        lift.dataset.ban = id;
      },
    };
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Whom a ban keeps out. */
export function nameOf({ identity, address }) {
  return identity ?? address ?? "an address";
}
