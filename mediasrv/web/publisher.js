// Keeps what the server forwards in step with what the person turned on: publish, mute, unmute, unpublish.

export const SOURCES = ["microphone", "camera", "screen"];

/**
 * Events: `changed` ({source}), `failed` ({source, error}: a device did not start, or the server refused).
 * While no peer is attached (the call is coming back) only the devices are switched; `attach` publishes what is on.
 */
export class Publisher extends EventTarget {
  #media;
  #rpc = null;
  #peer = null;
  #wanted = { microphone: false, camera: false, screen: false };
  #isOn = { microphone: false, camera: false, screen: false };
  #listening = new AbortController();
  #work = { microphone: Promise.resolve(), camera: Promise.resolve(), screen: Promise.resolve() };

  /** `asked`: {sources, settled}, devices that are still starting; `settled` resolves with the errors, by source. */
  constructor(media, asked = null) {
    super();
    this.#media = media;
    for (const source of SOURCES) this.#wanted[source] = this.#isOn[source] = media.isOn(source);
    const { signal } = this.#listening;
    media.addEventListener("changed", ({ detail }) => this.#replaceTrack(detail.source), { signal });
    media.addEventListener("lost", ({ detail }) => this.set(detail.source, false), { signal });
    if (asked) this.#takeOver(asked);
  }

  isOn(source) {
    return this.#wanted[source];
  }

  trackId(source) {
    return this.#peer?.sender(source)?.trackId ?? null;
  }

  /** Turns a source on or off. One change at a time for each source; what was asked last holds. */
  set(source, on) {
    if (this.#wanted[source] === on && this.#isOn[source] === on) return this.#work[source];
    this.#wanted[source] = on;
    this.#changed(source);
    this.#work[source] = this.#work[source].then(() => this.#reconcile(source));
    return this.#work[source];
  }

  toggle(source) {
    return this.set(source, !this.#wanted[source]);
  }

  /** A new session: sends all that is on in its first offer. Rejects when that offer fails. */
  async attach(rpc, peer) {
    this.#rpc = rpc;
    this.#peer = peer;
    for (const source of SOURCES) {
      if (this.#isSent(source)) await peer.setTrack(source, this.#media.track(source));
    }
    await peer.negotiate();
    for (const source of SOURCES) this.#heedRefusal(source);
  }

  /**
   * The session goes on over another connection: what was turned on and off meanwhile is told now.
   * `isMuted(trackId)`: what the server says of our tracks. Rejects when the offer fails.
   */
  async resume(rpc, peer, isMuted) {
    this.#rpc = rpc;
    this.#peer = peer;
    for (const source of SOURCES) await peer.setTrack(source, this.#isSent(source) ? this.#media.track(source) : null);
    await peer.negotiate({ iceRestart: true });
    for (const source of SOURCES) {
      this.#heedRefusal(source);
      await this.#tell(source, isMuted);
    }
  }

  /** The session was lost; the devices stay as they are. */
  detach() {
    this.#rpc = this.#peer = null;
  }

  /** The call is over: what happens to the devices from now on is not for it. */
  close() {
    this.detach();
    this.#listening.abort();
  }

  /** Turns a source off because it is not permitted. */
  refuse(source) {
    this.#giveUp(source, Object.assign(new Error("not permitted"), { code: "permission_denied" }));
  }

  // Who joins while the browser is still asking is in the room at once, and seen and heard as soon as it has.
  async #takeOver({ sources, settled }) {
    for (const source of sources) this.#wanted[source] = true;
    const errors = await settled;
    if (this.#listening.signal.aborted) return;
    for (const source of sources) {
      if (errors[source]) this.#giveUp(source, errors[source]);
      else if (!this.#wanted[source]) this.#media.stop(source);
      else this.#work[source] = this.#work[source].then(() => this.#reconcile(source));
    }
  }

  #isSent(source) {
    return this.#isOn[source] && this.#wanted[source];
  }

  async #tell(source, isMuted) {
    const sent = this.#peer?.sender(source);
    if (!sent?.mid || sent.refused) return;
    const trackId = sent.trackId;
    if (!this.#isSent(source)) {
      if (trackId === null) return;
      if (source === "screen") await this.#withdraw(source, trackId);
      else if (!isMuted(trackId)) await this.#rpc.request("mute", { track_id: trackId });
    } else if (trackId === null) {
      await this.#publishAgain(source, sent.mid);
    } else if (isMuted(trackId)) {
      await this.#rpc.request("unmute", { track_id: trackId });
    }
  }

  async #publishAgain(source, mid) {
    const peer = this.#peer;
    const { track_id: trackId } = await this.#rpc.request("publish", { mid, source });
    peer.setTrackId(source, trackId);
  }

  async #withdraw(source, trackId) {
    this.#peer.setTrackId(source, null);
    await this.#rpc.request("unpublish", { track_id: trackId });
  }

  async #reconcile(source) {
    const on = this.#wanted[source];
    if (on === this.#isOn[source]) return;
    const peer = this.#peer;
    try {
      if (on) await this.#turnOn(source);
      else await this.#turnOff(source);
    } catch (error) {
      // The session it was meant for is gone: `attach` makes the next one right.
      if (peer !== null && peer !== this.#peer) return;
      if (error.code === "disconnected" || error.code === "timeout") return;
      this.#giveUp(source, error);
    }
  }

  async #turnOn(source) {
    const track = await this.#media.start(source);
    this.#isOn[source] = true;
    const peer = this.#peer;
    if (peer === null) return;
    const sent = peer.sender(source);
    const offerIsDue = await peer.setTrack(source, track);
    if (!offerIsDue) {
      await this.#rpc.request("unmute", { track_id: sent.trackId });
    } else if (sent?.mid && sent.refused === null) {
      await this.#publishAgain(source, sent.mid);
    } else {
      await peer.negotiate();
      this.#heedRefusal(source);
    }
  }

  async #turnOff(source) {
    this.#isOn[source] = false;
    this.#media.stop(source);
    const trackId = this.trackId(source);
    if (trackId === null) return;
    if (source === "screen") {
      await this.#withdraw(source, trackId);
    } else {
      await this.#rpc.request("mute", { track_id: trackId });
    }
  }

  // Another device, or a camera that was released: the sender follows. New sources are published by #turnOn.
  #replaceTrack(source) {
    const sent = this.#peer?.sender(source);
    if (sent) this.#peer.setTrack(source, this.#media.track(source)).catch(() => {});
    this.#changed(source);
  }

  #heedRefusal(source) {
    if (this.#peer?.sender(source)?.refused) this.refuse(source);
  }

  #giveUp(source, error) {
    this.#wanted[source] = this.#isOn[source] = false;
    this.#media.stop(source);
    this.#changed(source);
    this.dispatchEvent(new CustomEvent("failed", { detail: { source, error } }));
  }

  #changed(source) {
    this.dispatchEvent(new CustomEvent("changed", { detail: { source } }));
  }
}
