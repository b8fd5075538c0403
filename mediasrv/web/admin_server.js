// The server as a whole, its media workers, and the list of rooms.

import * as words from "./admin_words.js";
import { byId, element } from "./dom.js";
import { Rates } from "./rates.js";
import { Rows, setText } from "./rows.js";

// What is muted, what only probes the way, and what came twice is dropped in every call.
const USUAL_DROPS = new Set(["drop_gated", "drop_padding", "drop_duplicate"]);

/** Event `room` ({name}): somebody wants to see it. */
export class ServerView extends EventTarget {
  #rates = new Rates();
  #facts = new Rows(byId("server-facts"), makeFact);
  #workers = new Rows(byId("workers"), makeWorker);
  #rooms = new Rows(byId("rooms"), (name) => this.#makeRoom(name));

  show({ rooms, statistics }, selected) {
    const { server, workers, ts, journal } = statistics;
    const cpu = this.#rates.of("cpu", server.cpu_s, ts);
    const connections = Object.values(server.connections).reduce((sum, number) => sum + number, 0);
    const facts = [
      ["Rooms", words.count(server.rooms)],
      ["People", words.count(server.participants)],
      ["Control connections", words.count(connections)],
      ["CPU", words.percent(cpu)],
      ["Memory", words.bytes(server.memory_bytes)],
      ["Up for", words.duration(ts - server.started_at)],
      ["Version", server.version],
    ];
    if (journal.journal_records_lost) facts.push(["Journal records lost", words.count(journal.journal_records_lost)]);
    if (journal.journal_database_failing) facts.push(["Journal", "the database takes no records"]);
    this.#facts.show(facts, ([name]) => name);
    this.#workers.show(workers.map((worker) => this.#loadOf(worker, ts)), ({ index }) => index);
    byId("no-rooms").hidden = rooms.length > 0;
    byId("rooms-table").hidden = rooms.length === 0;
    const fullest = [...rooms].sort((one, other) => other.participants - one.participants);
    this.#rooms.show(fullest.map((room) => ({ room, ts, selected: room.name === selected })), ({ room }) => room.name);
  }

  #loadOf({ index, port, counters, gauges }, ts) {
    const rate = (name, value = counters[name] ?? 0) => this.#rates.of(`w${index} ${name}`, value, ts);
    const dropped = Object.entries(counters).filter(([name]) => name.startsWith("drop_") && !USUAL_DROPS.has(name));
    return {
      index,
      port,
      gauges,
      load: rate("cpu", (gauges.cpu_us ?? 0) / 1e6),
      inBps: times8(rate("bytes_received")),
      outBps: times8(rate("bytes_sent")),
      inPackets: rate("rtp_received"),
      outPackets: rate("rtp_forwarded"),
      drops: rate("drops", dropped.reduce((sum, [, value]) => sum + value, 0)),
    };
  }

  #makeRoom(name) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("room", { detail: { name } })));
    const lock = element("span", { class: "quiet" });
    const [people, guests, age] = ["number", "number", ""].map((kind) => element("td", { class: kind }));
    const row = element("tr", {}, element("td", {}, button, lock), people, guests, age);
    return {
      element: row,
      update({ room, ts, selected }) {
        row.setAttribute("aria-selected", selected);
        setText(lock, room.locked ? " locked" : "");
        setText(people, words.count(room.participants));
        setText(guests, words.count(room.guests));
        setText(age, words.duration(ts - room.opened_at));
      },
    };
  }
}

function times8(rate) {
  return rate === null ? null : rate * 8;
}

function makeFact(name) {
  const value = element("dd");
  return { element: element("div", {}, element("dt", {}, name), value), update: ([, text]) => setText(value, text) };
}

function makeWorker(index) {
  const meter = element("meter", { min: 0, max: 1, high: 0.8, optimum: 0, "aria-label": `Load of worker ${index}` });
  const lines = [0, 1, 2].map(() => [element("span"), element("span")]);
  const made = element("div", { class: "worker" },
    element("div", { class: "worker-line" }, ...lines[0]), meter,
    element("div", { class: "worker-line quiet" }, ...lines[1]),
    element("div", { class: "worker-line quiet" }, ...lines[2]));
  return {
    element: made,
    update({ port, gauges, load, inBps, outBps, inPackets, outPackets, drops }) {
      meter.value = Math.min(load ?? 0, 1);
      const texts = [
        [`Worker ${index}, UDP ${port}`, `${words.percent(load)} of a CPU`],
        [`in ${words.bits(inBps)}, ${words.count(inPackets)} packets/s`, `${words.count(gauges.transports)} peers`],
        [`out ${words.bits(outBps)}, ${words.count(outPackets)} packets/s`, `${words.count(drops)} dropped/s`],
      ];
      texts.forEach((line, number) => line.forEach((text, side) => setText(lines[number][side], text)));
    },
  };
}
