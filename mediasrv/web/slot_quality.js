// Tells the server what each video slot needs: a lower encoding for a small tile, nothing for one nobody sees.

import { chooseEncoding } from "./encoding_choice.js";

const SETTLE_MS = 300;

export class SlotQuality {
  #request;
  #told = new Map();        // mid -> {trackId, rid, paused} as the server last heard it
  #views = [];
  #timer = null;

  /** `request(method, params)` returns a promise; its failures are of no consequence and are dropped. */
  constructor(request) {
    this.#request = request;
  }

  /** `views`: one {mid, trackId, rids, pixelHeight, visible} for each video slot that shows a track. */
  update(views) {
    this.#views = views;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, SETTLE_MS);
  }

  /** A new connection: its slots are as the server made them. */
  reset() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#told.clear();
    this.#views = [];
  }

  #tell() {
    for (const { mid, trackId, rids, pixelHeight, visible } of this.#views) {
      const told = this.#told.get(mid) ?? { trackId: null, rid: null, paused: false };
      // Another track in the slot: what the server kept of our wishes is uncertain, so they are said again.
      const isSame = told.trackId === trackId;
      if (!visible) {
        if (!isSame || !told.paused) this.#send("pause", { mid });
        this.#told.set(mid, { trackId, rid: told.rid, paused: true });
        continue;
      }
      if (told.paused) this.#send("resume", { mid });
      const rid = chooseEncoding(rids, pixelHeight, isSame ? told.rid : undefined);
      if (rid !== told.rid || (!isSame && rid !== null)) this.#send("choose_encoding", { mid, rid });
      this.#told.set(mid, { trackId, rid, paused: false });
    }
  }

  #send(method, params) {
    this.#request(method, params).catch(() => {});
  }
}
