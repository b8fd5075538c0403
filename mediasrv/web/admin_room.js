// One room: who waits, who is in it, what each sends and gets, and what can be done about it.

import * as words from "./admin_words.js";
import { byId, element, paintAvatar } from "./dom.js";
import { ModerationMenu } from "./moderation_menu.js";
import { Rates } from "./rates.js";
import { Rows, setText } from "./rows.js";

const BAN_S = 3_600;
const BAD_LOSS = 0.05;

/** Event `act` ({method, params, confirm}): a request that somebody wants made; `confirm` is what to ask before it. */
export class RoomView extends EventTarget {
  #rates = new Rates();
  #room = null;
  #guests = new Rows(byId("guests"), (id) => this.#makeGuest(id));
  #people = new Rows(byId("people"), (id) => this.#makePerson(id));

  constructor() {
    super();
    byId("room-lock").addEventListener("click", () => this.#act("update_room", { locked: !this.#room.locked }));
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
    setText(byId("room-lock"), room.locked ? "Unlock" : "Lock");
    this.#guests.show(guests, ({ id }) => id);
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

  #makeGuest(id) {
    const name = element("span");
    const button = (label, method) => {
      const made = element("button", { type: "button", class: "secondary" }, label);
      made.addEventListener("click", () => this.#act(method, { guest_id: id }));
      return made;
    };
    const made = element("li", {}, name, button("Admit", "admit"), button("Refuse", "refuse"));
    return { element: made, update: (guest) => setText(name, `${guest.name} (${guest.identity}) waits to be let in`) };
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
    if (verb === "grant") this.#act("grant", { ...params, permissions: argument.split(",") });
    if (verb === "remove") {
      this.#act("remove_participant", params, { text: `Remove ${who.name} from the room?`, yes: "Remove" });
    }
    if (verb === "ban") {
      this.#act("ban", { ...params, for_s: BAN_S }, {
        text: `Ban ${who.name} from the room for an hour?`, yes: "Ban",
      });
    }
  }
}

function actionsFor({ tracks }) {
  const isOn = (source) => tracks.some((track) => track.source === source && !track.muted);
  return [
    ...(isOn("microphone") ? [] : [{ action: "ask microphone", label: "Ask to unmute" }]),
    { action: "revoke publish_audio,publish_video,share_screen", label: "Take the right to publish" },
    { action: "grant publish_audio,publish_video,share_screen", label: "Give the right to publish" },
    { action: "grant moderate", label: "Make a moderator" },
    { action: "remove", label: "Remove…", danger: true },
    { action: "ban", label: "Ban for an hour…", danger: true },
  ];
}

function facts(room) {
  const said = [`${room.participants} of ${room.capacity} people`];
  if (room.lobby) said.push("lobby");
  if (room.locked) said.push("locked");
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
