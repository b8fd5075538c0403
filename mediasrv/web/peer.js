// The one peer connection of a call: what we send, the receive slots, and offers one at a time.

const CAMERA_ENCODINGS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];
const SEND_ENCODINGS = {
  microphone: [{ maxBitrate: 40_000, priority: "high", networkPriority: "high" }],
  camera: CAMERA_ENCODINGS,
  screen: [{ maxBitrate: 2_500_000 }],
};
const INITIAL_SLOTS = { audio: 2, video: 2 };   // enough for a call of two without a second offer
const MAX_SLOTS = 64;                           // of each kind: a wrong count from outside must not fill the offer

/**
 * Events: `slots` (the assignment of slots, or their tracks, changed), `connectionstatechange`.
 * `requestAnswer({sdp, tracks})` resolves with the server's answer.
 */
export class Peer extends EventTarget {
  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #requestAnswer;
  #senders = new Map();                         // source -> {transceiver, trackId, refused, isWithdrawn}
  #slotCount = { audio: 0, video: 0 };
  #slotsNeeded = { audio: 0, video: 0 };
  #slots = new Map();                           // mid -> {participant_id, track_id} or null
  #streams = { camera: new MediaStream(), screen: new MediaStream() };
  #offerDue = false;
  #negotiation = null;

  constructor(requestAnswer) {
    super();
    this.#requestAnswer = requestAnswer;
    this.#pc.addEventListener("connectionstatechange", () => this.dispatchEvent(new Event("connectionstatechange")));
  }

  get connectionState() {
    return this.#pc.connectionState;
  }

  /** Whether no ICE restart can bring it back. */
  get isLost() {
    return this.isClosed || this.#pc.connectionState === "failed";
  }

  get isClosed() {
    return this.#pc.connectionState === "closed";
  }

  get slots() {
    return this.#slots;
  }

  /** What is sent for a source: {mid, trackId, refused}, or undefined if it never was. */
  sender(source) {
    const sender = this.#senders.get(source);
    return sender && { mid: sender.transceiver.mid, trackId: sender.trackId, refused: sender.refused };
  }

  /** Sends `track` (null: nothing) for a source. True if an offer is due before anybody sees it. */
  async setTrack(source, track) {
    const sender = this.#senders.get(source);
    if (sender) {
      await sender.transceiver.sender.replaceTrack(track);
      return sender.trackId === null;
    }
    if (track === null) return false;
    // Microphone and camera share a stream, so that receivers keep them in step.
    const stream = source === "screen" ? this.#streams.screen : this.#streams.camera;
    const transceiver = this.#pc.addTransceiver(track, {
      direction: "sendonly", streams: [stream], sendEncodings: SEND_ENCODINGS[source],
    });
    this.#senders.set(source, { transceiver, trackId: null, refused: null, isWithdrawn: false });
    return true;
  }

  /** The server's name for what a source sends, after `publish` and `unpublish` (null). */
  setTrackId(source, trackId) {
    const sender = this.#senders.get(source);
    sender.trackId = trackId;
    sender.isWithdrawn = trackId === null;
  }

  /** The server lacks this many slots of each kind, all told: offers them. */
  async needSlots({ audio = 0, video = 0 }) {
    this.#slotsNeeded = { audio, video };
    if (audio > 0 || video > 0) await this.negotiate();
  }

  assignSlots(slots) {
    for (const [mid, shown] of Object.entries(slots)) this.#slots.set(mid, shown);
    this.dispatchEvent(new Event("slots"));
  }

  /** Whether the server takes anything of ours. */
  get publishes() {
    return [...this.#senders.values()].some((sender) => sender.trackId);
  }

  /** The MediaStreamTrack that a receive slot plays, or null before its first answer. */
  receivedTrack(mid) {
    const transceiver = this.#pc.getTransceivers().find((candidate) => candidate.mid === mid);
    return transceiver?.receiver.track ?? null;
  }

  /** Offers as soon as no other offer is under way; many calls make one offer. Resolves when nothing is due. */
  negotiate({ iceRestart = false } = {}) {
    if (iceRestart) this.#pc.restartIce();
    this.#offerDue = true;
    this.#negotiation ??= this.#negotiateWhileDue().finally(() => {
      this.#negotiation = null;
    });
    return this.#negotiation;
  }

  getStats() {
    return this.#pc.getStats();
  }

  close() {
    this.#pc.close();
  }

  async #negotiateWhileDue() {
    while (this.#offerDue && !this.isClosed) {
      this.#offerDue = false;
      try {
        await this.#negotiateOnce();
      } catch (error) {
        // Who asked for another offer meanwhile, over a new connection perhaps, is not told of the old one's failure.
        if (!this.#offerDue) throw error;
      }
    }
  }

  async #negotiateOnce() {
    this.#addNeededSlots();
    const { type, sdp } = await this.#pc.createOffer();
    await this.#pc.setLocalDescription({ type, sdp: hearingStereo(sdp) });
    let answer;
    try {
      answer = await this.#requestAnswer({ sdp: this.#pc.localDescription.sdp, tracks: this.#sourcesByMid() });
    } catch (error) {
      if (!this.isClosed) await this.#pc.setLocalDescription({ type: "rollback" });
      throw error;
    }
    if (this.isClosed) return;
    for (const sender of this.#senders.values()) {
      const { mid } = sender.transceiver;
      sender.refused = answer.refused?.[mid] ?? null;
      // An answer may be older than an `unpublish` that was asked meanwhile.
      sender.trackId = sender.isWithdrawn ? null : answer.tracks?.[mid] ?? null;
    }
    // Before anything is awaited: a later `slots_changed` must not be overwritten by this older picture. It is whole:
    // slots of an offer whose answer was lost are no more.
    this.#slots = new Map(Object.entries(answer.slots ?? {}));
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this.dispatchEvent(new Event("slots"));
  }

  #addNeededSlots() {
    for (const kind of ["audio", "video"]) {
      const needed = Math.max(this.#slotsNeeded[kind], INITIAL_SLOTS[kind] - this.#slotCount[kind]);
      const adding = Math.min(needed, MAX_SLOTS - this.#slotCount[kind]);
      for (let added = 0; added < adding; added++) this.#pc.addTransceiver(kind, { direction: "recvonly" });
      this.#slotCount[kind] += Math.max(adding, 0);
      this.#slotsNeeded[kind] = 0;
    }
  }

  #sourcesByMid() {
    const tracks = {};
    for (const [source, { transceiver }] of this.#senders) {
      if (transceiver.mid !== null) tracks[transceiver.mid] = { source };
    }
    return tracks;
  }
}

// Chromium plays both channels of Opus only where its own description says so (RFC 7587 §6.1), and has no API for that.
function hearingStereo(sdp) {
  return sdp.split(/(?=^m=)/m).map((section) => {
    if (!section.startsWith("m=audio") || !section.includes("a=recvonly")) return section;
    return section.replace(/^(a=fmtp:\d+ (?![^\r\n]*stereo=)[^\r\n]*useinbandfec=[^\r\n]*)/gm, "$1;stereo=1");
  }).join("");
}
