// One room: who waits, who is in it, what each sends and gets, and what can be done about it.

import * as words from "./admin_words.js";
import { byId, element, paintAvatar } from "./dom.js";
import { ModerationMenu } from "./moderation_menu.js";
import { Rates } from "./rates.js";
import { redraw, Rows, setText } from "./rows.js";

const BAD_LOSS = 0.05;

/**
 * Event `act` ({method, params, confirm}): a request that somebody wants made; `confirm` is what to ask before it. Events
 * `ban` and `permit` ({room, who}): somebody wants a participant banned, or to change what it may do.
 */
export class RoomView extends EventTarget {
  #rates = new Rates();
  #room = null;
  #guests = new Rows(byId("guests"), (id) => this.#makeGuest(id));
  #people = new Rows(byId("people"), (id) => this.#makePerson(id));

  constructor() {
    super();
    byId("room-locked").addEventListener("change", ({ target }) => this.#change({ locked: target.checked }));
    byId("room-lobby").addEventListener("change", ({ target }) => this.#change({ lobby: target.checked }));
    byId("room-controls").addEventListener("submit", (event) => event.preventDefault());
    const capacity = byId("room-capacity");
    capacity.addEventListener("change", () => {
      if (capacity.reportValidity()) this.#change({ capacity: capacity.valueAsNumber });
    });
    capacity.addEventListener("blur", () => this.#showSettings());
    byId("room-close").addEventListener("click", () => this.#act("close_room", {}, {
      text: `End the room ${this.#room.name}? Everybody has to leave.`, yes: "End the room",
    }));
  }

  /** `found` is {room, participants, guests}, or null for no room. */
  show(found, statistics) {
    byId("room").hidden = found === null;
    document.querySelector(".admin-main").classList.toggle("has-room", found !== null);
    this.#room = found?.room ?? null;
    if (found === null) return;
    const { room, participants, guests } = found;
    setText(byId("room-title"), room.name);
    setText(byId("room-facts"), facts(room));
    this.#showSettings();
    const waiting = guests.map((guest) => ({ guest, ts: statistics.ts }));
    redraw(byId("guests"), () => this.#guests.show(waiting, ({ guest }) => guest.id), byId("room-title"));
    const tracks = new Map();
    for (const { name, tracks: published } of participants) {
      for (const track of published) tracks.set(track.id, { track, owner: name });
    }
    const counted = new Map(statistics.participants.map((each) => [each.participant_id, each]));
    this.#people.show(participants.map((who) => ({ who, counted: counted.get(who.id), tracks, ts: statistics.ts })),
      ({ who }) => who.id);
  }

  #act(method, params, confirm = null) {
    const detail = { method, params: { room: this.#room.name, ...params }, confirm };
    this.dispatchEvent(new CustomEvent("act", { detail }));
  }

  /** Shown as wished until the next picture says how it is. */
  #change(settings) {
    this.#room = { ...this.#room, ...settings };
    this.#act("update_room", settings);
  }

  #showSettings() {
    byId("room-locked").checked = this.#room.locked;
    byId("room-lobby").checked = this.#room.lobby;
    const capacity = byId("room-capacity");
    if (document.activeElement !== capacity) capacity.value = this.#room.capacity;      // nobody writes there now
  }

  #makeGuest(id) {
    const said = element("span");
    const buttons = ["Admit", "Refuse"].map((label) => {
      const made = element("button", { type: "button", class: "secondary" }, label);
      made.addEventListener("click", () => this.#act(label.toLowerCase(), { guest_id: id }));
      return made;
    });
    return {
      element: element("li", {}, said, ...buttons),
      update: ({ guest: { name, identity, since }, ts }) => {
        setText(said, `${name} (${identity}) waits for ${words.duration(ts - since)}`);
        for (const button of buttons) button.setAttribute("aria-label", `${button.textContent} ${name}`);
      },
    };
  }

  #makePerson(id) {
    const avatar = element("span", { class: "avatar", "aria-hidden": "true" });
    const name = element("h3");
    const about = element("span", { class: "quiet" });
    const menu = new ModerationMenu();
    let shown = null;
    menu.addEventListener("chosen", ({ detail }) => this.#chosen(detail.action, shown));
    const sends = table("Sends", ["Track", "Encoding", "Bit rate", "Loss", "Jitter", ""]);
    const gets = table("Gets", ["Track", "Encoding", "Why", "Bit rate", "Loss"]);
    const sent = new Rows(sends.body, (key) => this.#makeSent(key));
    const got = new Rows(gets.body, makeGot);
    const made = element("article", { class: "participant" },
      element("header", { class: "participant-header" }, avatar, name, about, menu.element),
      element("div", { class: "scroll" }, sends.element, gets.element));
    return {
      element: made,
      update: ({ who, counted, tracks, ts }) => {
        shown = who;
        if (name.textContent !== who.name) paintAvatar(avatar, who.name);
        setText(name, who.name);
        const trip = counted ? `, round trip ${words.milliseconds(counted.rtt_s)}` : ", no media";
        setText(about, `${who.identity}${trip}`);
        menu.render(who.name, actionsFor(who));
        const published = this.#sent(who, counted, ts);
        const received = this.#got(who, counted, tracks, ts);
        sends.element.hidden = published.length === 0;
        gets.element.hidden = received.length === 0;
        sent.show(published, ({ key }) => key);
        got.show(received, ({ mid }) => mid);
      },
    };
  }

  /** A line for each encoding of each track. */
  #sent(who, counted, ts) {
    const byTrack = new Map((counted?.tracks ?? []).map((each) => [each.track_id, each.encodings]));
    return who.tracks.flatMap((track) => (byTrack.get(track.id) ?? [{}]).map((encoding, index) => {
      const key = `${track.id} ${encoding.rid ?? ""}`;
      const octets = this.#rates.of(`${key} octets`, encoding.octets ?? 0, ts);
      const packets = this.#rates.of(`${key} packets`, encoding.packets ?? 0, ts);
      const lost = this.#rates.of(`${key} lost`, Math.max(0, encoding.packets_lost ?? 0), ts);
      const loss = lost === null || packets === null || lost + packets === 0 ? null : lost / (lost + packets);
      return { key, who, track, encoding, isFirst: index === 0, bps: octets === null ? null : octets * 8, loss };
    }));
  }

  #got(who, counted, tracks, ts) {
    return (counted?.slots ?? []).filter((slot) => slot.track_id !== null).map((slot) => {
      const octets = this.#rates.of(`${who.id} ${slot.mid} ${slot.track_id}`, slot.octets, ts);
      return { ...slot, shown: tracks.get(slot.track_id), bps: octets === null ? null : octets * 8 };
    });
  }

  #makeSent(key) {
    const cells = cellsFor(["", "", "number", "number", "number", "number"]);
    const mute = element("button", { type: "button", class: "text" }, "Mute");
    cells[5].append(mute);
    let shown = null;
    mute.addEventListener("click", () => {
      this.#act("mute_track", { participant_id: shown.who.id, track_id: shown.track.id });
    });
    const row = element("tr", {}, ...cells);
    return {
      element: row,
      update: (line) => {
        shown = line;
        const { track, encoding, isFirst, bps, loss } = line;
        row.classList.toggle("off", track.muted || encoding.active === false);
        setText(cells[0], isFirst ? `${track.source}, ${track.codec}${track.muted ? ", muted" : ""}` : "");
        setText(cells[1], encodingName(encoding.rid, encoding.active));
        setText(cells[2], words.bits(bps));
        setLoss(cells[3], loss);
        setText(cells[4], encoding.jitter_s === undefined ? "–" : words.milliseconds(encoding.jitter_s));
        mute.hidden = !isFirst || track.muted;
        mute.setAttribute("aria-label", `Mute the ${track.source} of ${line.who.name}`);
      },
    };
  }

  #chosen(action, who) {
    const params = { participant_id: who.id };
    const [verb, argument] = action.split(" ");
    if (verb === "ask") this.#act("ask_to_unmute", { ...params, source: argument });
    if (verb === "revoke") this.#act("revoke", { ...params, permissions: argument.split(",") });
    if (verb === "remove") {
      this.#act("remove_participant", params, { text: `Remove ${who.name} from the room?`, yes: "Remove" });
    }
    if (verb === "ban" || verb === "permit") {
      this.dispatchEvent(new CustomEvent(verb, { detail: { room: this.#room.name, who } }));
    }
  }
}

function actionsFor({ tracks }) {
  const isOn = (source) => tracks.some((track) => track.source === source && !track.muted);
  return [
    ...(isOn("microphone") ? [] : [{ action: "ask microphone", label: "Ask to unmute" }]),
    { action: "revoke publish_audio,publish_video,share_screen", label: "Take the right to publish" },
    { action: "permit", label: "Permissions…" },
    { action: "remove", label: "Remove…", danger: true },
    { action: "ban", label: "Ban…", danger: true },
  ];
}

function facts(room) {
  const said = [`${room.participants} of ${room.capacity} people`];
  if (room.codecs.length) said.push(room.codecs.join(", "));
  if (room.track_bitrate_bps !== null) said.push(`at most ${words.bits(room.track_bitrate_bps)}`);
  return said.join(" · ");
}

function encodingName(rid, active) {
  return `${rid || "one only"}${active === false ? ", silent" : ""}`;
}

function makeGot(mid) {
  const cells = cellsFor(["", "", "", "number", "number"]);
  return {
    element: element("tr", {}, ...cells),
    update({ shown, rid, target_rid: target, why, bps, fraction_lost: loss }) {
      setText(cells[0], shown ? `${shown.owner}: ${shown.track.source}` : `slot ${mid}`);
      const now = rid === null ? "none" : rid || "one only";
      setText(cells[1], target !== null && target !== rid ? `${now} → ${target || "one only"}` : now);
      setText(cells[2], words.why(why));
      setText(cells[3], words.bits(bps));
      setLoss(cells[4], loss);
    },
  };
}

function setLoss(cell, share) {
  setText(cell, words.percent(share));
  cell.classList.toggle("bad", share !== null && share >= BAD_LOSS);
}

function cellsFor(kinds) {
  return kinds.map((kind) => element("td", { class: kind }));
}

function table(caption, heads) {
  const body = element("tbody");
  const numbers = ["Bit rate", "Loss", "Jitter"];
  const head = element("tr", {}, ...heads.map((text) => element("th", {
    scope: "col", class: numbers.includes(text) ? "number" : "",
  }, text)));
  return { element: element("table", { class: "table" }, element("caption", {}, caption), element("thead", {}, head), body), body };
}
