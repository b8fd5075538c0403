// What a server tells those who look after it: asked for every two seconds, and events as they happen.

import { Backoff } from "./backoff.js";
import { RpcConnection } from "./rpc.js";

const EVERY_MS = 2_000;
const JOURNAL_AT_FIRST = 50;

/**
 * Events: `picture` (rooms, statistics, and the watched room with its guests; null if there is none), `event` (what
 * happened), `journal` (what happened before), `lost` (the connection; it comes back by itself), `refused` (the token).
 */
export class AdminFeed extends EventTarget {
  #url;
  #token;
  #rpc = null;
  #watched = null;             // a room's name
  #position = null;            // of the last event that was told
  #closed = false;
  #backoff = new Backoff();
  #asked = 0;                  // counts pictures: an answer that was overtaken is not shown

  constructor(url, token) {
    super();
    this.#url = url;
    this.#token = token;
  }

  /** Stays connected until `close`. */
  async run() {
    for (let attempt = 0; !this.#closed; attempt++) {
      try {
        await this.#connect();
        attempt = 0;
        await this.#poll();
      } catch (error) {
        this.#rpc?.close();
        if (this.#closed) return;
        if (["token_invalid", "token_expired", "permission_denied"].includes(error.code)) {
          this.#emit("refused", error);
          return;
        }
        this.#emit("lost", error);
      }
      await this.#backoff.wait(attempt);
    }
  }

  close() {
    this.#closed = true;
    this.#rpc?.close();
    this.#backoff.wake();
  }

  /** Have pictures of this room too; null: of none. */
  watch(room) {
    this.#watched = room;
    this.refresh();
  }

  get watched() {
    return this.#watched;
  }

  /** A picture now, and not only when it is due. */
  refresh() {
    this.#picture().catch(() => {});       // the one that is due tells what is wrong
  }

  /** Rejects with RpcError. */
  async request(method, params) {
    const result = await this.#rpc.request(method, params);
    this.refresh();
    return result;
  }

  async #connect() {
    this.#rpc = await RpcConnection.open(this.#url);
    this.#rpc.addEventListener("notification", ({ detail }) => this.#notified(detail));
    await this.#rpc.request("authenticate", { token: this.#token });
    if (this.#position === null) {
      const { records } = await this.#rpc.request("read_journal", { last: true, limit: JOURNAL_AT_FIRST })
        .catch((error) => {
          if (error.code === "unavailable") return { records: [] };
          throw error;
        });
      this.#emit("journal", records);
    }
    const { position } = await this.#rpc.request("subscribe_events", { after: this.#position });
    this.#position ??= position;
  }

  #notified({ method, params }) {
    if (method !== "event") return;
    this.#position = params.position;
    this.#emit("event", params);
  }

  async #poll() {
    while (this.#rpc.isOpen) {
      await this.#picture();
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, EVERY_MS);
        this.#rpc.addEventListener("close", () => {
          clearTimeout(timer);
          resolve();
        }, { once: true });
      });
    }
  }

  async #picture() {
    const rpc = this.#rpc;
    const room = this.#watched;
    const number = ++this.#asked;
    const gone = (error) => {
      if (error.code === "not_found") return null;     // the room has closed meanwhile
      throw error;
    };
    const [{ rooms }, statistics, found, guests] = await Promise.all([
      rpc.request("list_rooms"),
      rpc.request("get_statistics", { room }).catch((error) => {
        if (error.code === "not_found") return rpc.request("get_statistics");
        throw error;
      }),
      room === null ? null : rpc.request("get_room", { room }).catch(gone),
      room === null ? null : rpc.request("list_guests", { room }).catch(gone),
    ]);
    if (number !== this.#asked) return;
    this.#emit("picture", { rooms, statistics, room: found && { ...found, guests: guests?.guests ?? [] } });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
