// One person's presence in a room, across lost connections: joins, keeps the roster, comes back by itself.

import { Backoff } from "./backoff.js";
import { BANNER, closingNotice, isFinalRefusal, refusalEnding } from "./notices.js";
import { Peer } from "./peer.js";
import { mayPublish } from "./permissions.js";
import { SOURCES } from "./publisher.js";
import { FEATURE_SOURCE, Roster } from "./roster.js";
import { RpcConnection, RpcError } from "./rpc.js";
import { MIX_TRACK_ID, tellSlotPolicy } from "./slot_policy.js";

const LEAVE_LONGEST_MS = 500;         // how long leaving waits for the server's answer
const UNSTABLE_GRACE_MS = 2_000;      // how long ICE may mend itself before it is restarted
const ICE_RESTART_MS = 6_000;         // how long a restarted ICE may take before the call joins anew

/**
 * Events: `session` (the room took us in, anew after a session that could not be resumed), `state`, `roster`, `slots`,
 * `floor`, `permissions`, `guests`, `room`; with a detail: `joined` and `left` ({participant, reason}), `message` (the protocol's),
 * `speaking` ({levels}), `switched_off` and `unmute_requested` ({source, by}), `guest` (the protocol's: somebody new
 * waits).
 *
 * `state` is one of `idle`, `joining`, `waiting` (to be let in), `joined`, `reconnecting`, `ended`; `notice` is the
 * sentence that belongs to it, `ending` ({title, text}) is why it ended.
 */
export class Call extends EventTarget {
  state = "idle";
  notice = "";
  ending = null;
  room = "";
  participantId = null;
  permissions = new Set();
  messageSize = 4_000;
  roster = new Roster();
  dominantId = null;                  // who has the floor: a participant's id
  guests = new Map();                 // those who wait to be let in, by id; for moderators
  roomInfo = null;                    // the protocol's Room

  #url;
  #name;
  #token;
  #publisher;
  #rpc = null;
  #peer = null;
  #backoff = new Backoff();
  #mediaTimer = null;
  #pinnedId = null;
  #mixed;
  #goOnAt = "";                       // the page of another server, once this one is being stopped
  #resume = null;                     // {token, epoch}: what the session goes on with after a lost connection

  /** `token()` resolves with a token; it is asked again, with the last one, when that has expired. `mixed`: see hearMixed. */
  constructor({ url, name, token, publisher, mixed = null }) {
    super();
    this.#url = url;
    this.#name = name;
    this.#token = token;
    this.#publisher = publisher;
    this.#mixed = mixed;
  }

  get publisher() {
    return this.#publisher;
  }

  get me() {
    return this.roster.get(this.participantId);
  }

  get slots() {
    return this.#peer?.slots ?? new Map();
  }

  /** Resolves when the room has taken us in; rejects (RpcError, TypeError, …) when it did not. */
  async join() {
    this.#setState("joining");
    try {
      await this.#connect();
    } catch (error) {
      this.#disconnect();
      this.#publisher.close();
      this.#setState("idle");
      throw error;
    }
  }

  /** `unloading`: the page goes away, nothing can be waited for. */
  leave({ unloading = false } = {}) {
    this.#end({ title: "", text: "" }, unloading);
  }

  /** Doesn't wait for the next attempt of coming back. */
  retryNow() {
    this.#backoff.wake();
  }

  /** The person wants this participant large (null: nobody), so it has a slot whoever speaks. */
  pin(participantId) {
    if (participantId === this.#pinnedId) return;
    this.#pinnedId = participantId;
    this.#tellSlotPolicy();
  }

  /** Whether the person wants to hear everybody as one mixed sound; null: as the room says. */
  hearMixed(mixed) {
    this.#mixed = mixed;
    this.#tellSlotPolicy();
  }

  /** Whether that is so, or is about to be. */
  get isMixed() {
    return this.#mixed ?? [...this.slots.values()].some((shown) => shown?.track_id === MIX_TRACK_ID);
  }

  /** Asks the server; rejects with RpcError. */
  request(method, params) {
    if (this.#rpc === null) {
      return Promise.reject(new RpcError({ code: "disconnected", message: "The call is not connected." }));
    }
    return this.#rpc.request(method, params);
  }

  receivedTrack(mid) {
    return this.#peer?.receivedTrack(mid) ?? null;
  }

  async getStats() {
    return this.#peer ? [...(await this.#peer.getStats()).values()] : [];
  }

  get isModerator() {
    return this.permissions.has("moderate");
  }

  #tellSlotPolicy(isNew = false) {
    if (this.state !== "joined" && !isNew) return;
    tellSlotPolicy((...request) => this.request(...request), { pinnedId: this.#pinnedId, mixed: this.#mixed });
  }

  async #connect() {
    const rpc = await RpcConnection.open(this.#url);
    try {
      const resumed = await this.#requestResume(rpc);
      const joined = resumed ?? await this.#requestJoin(rpc);
      if (this.state === "ended") {         // the person left while it was under way
        await rpc.request("leave").catch(() => {});
        rpc.close();
        return;
      }
      if (resumed && resumed.has_media && this.#peer && !this.#peer.isLost) this.#goOn(rpc, resumed);
      else if (joined.waiting) this.#wait(rpc);
      else this.#enter(rpc, joined);
    } catch (error) {
      rpc.close();
      throw error;
    }
  }

  // The same session over another connection; null if there is none to go on with.
  async #requestResume(rpc) {
    if (this.#resume === null) return null;
    this.#resume.epoch += 1;
    const { token, epoch } = this.#resume;
    const keepMedia = this.#peer !== null && !this.#peer.isLost;
    try {
      return await rpc.request("resume_session", { resume_token: token, epoch, keep_media: keepMedia });
    } catch (error) {
      if (error.code !== "session_gone") throw error;
      this.#resume = null;
      return null;
    }
  }

  #wait(rpc) {
    this.#disconnect();
    this.#use(rpc);
    this.#setState("waiting");
  }

  // A new session, or one whose media is gone: everything is offered anew.
  #enter(rpc, joined) {
    if (rpc !== this.#rpc) {
      this.#disconnect();
      this.#use(rpc);
    }
    this.#take(joined);
    this.#peer = this.#newPeer();
    this.#emit("session");
    this.#tellSlotPolicy(true);
    for (const source of SOURCES) {
      if (this.#publisher.isOn(source) && !mayPublish(this.permissions, source)) this.#publisher.refuse(source);
    }
    this.#setState("joined");
    this.#emitAll();
    this.#startMedia(rpc, this.#peer);
  }

  // The media of the session goes on; an ICE restart finds it a way over the network that there is now.
  async #goOn(rpc, joined) {
    this.#use(rpc);
    this.#take(joined);
    this.#setState("joined");
    this.#peer.assignSlots(joined.slots);
    this.#emitAll();
    const peer = this.#peer;
    try {
      await this.#publisher.resume(rpc, peer, (trackId) => this.me?.tracks.get(trackId)?.muted ?? false);
    } catch (error) {
      if (peer === this.#peer) this.#lost(rpc);
      console.warn(`mediasrv: the offer after coming back failed: ${error.message}`);
    }
  }

  #use(rpc) {
    this.#rpc = rpc;
    rpc.addEventListener("notification", ({ detail }) => {
      // What an old session still says (that it was replaced, by ourselves) is not about this one.
      if (rpc === this.#rpc && this.state !== "reconnecting") this.#notified(detail.method, detail.params);
    });
    rpc.addEventListener("close", () => this.#lost(rpc));
    if (rpc.closed) queueMicrotask(() => this.#lost(rpc));    // before anybody listened
  }

  #take(joined) {
    this.participantId = joined.participant_id;
    this.room = joined.room;
    this.roomInfo = joined.room_info ?? null;
    this.permissions = new Set(joined.permissions);
    this.messageSize = joined.message_size ?? this.messageSize;
    this.dominantId = joined.dominant_speaker ?? null;
    this.#resume = joined.resume_token ? { token: joined.resume_token, epoch: joined.epoch } : null;
    this.roster.reset(joined.participants);
    if (!this.me) {
      this.roster.add({ id: joined.participant_id, identity: joined.participant_id, name: this.#name, tracks: [] });
    }
    this.guests.clear();
    this.#askForGuests();
  }

  #emitAll() {
    this.#emit("room");
    this.#emit("permissions");
    this.#emit("roster");
    this.#emit("guests");
  }

  async #askForGuests() {
    if (!this.isModerator) return;
    try {
      const { guests = [] } = await this.request("list_guests");
      for (const guest of guests) this.guests.set(guest.id, guest);
      this.#emit("guests");
    } catch (error) {
      if (error.code !== "disconnected") console.warn(`mediasrv: the guests are not known: ${error.message}`);
    }
  }

  async #requestJoin(rpc) {
    const name = this.#name;
    const token = await this.#token();
    try {
      return await rpc.request("join", { token, name });
    } catch (error) {
      const fresh = error.code === "token_expired" ? await this.#token(token) : token;
      if (fresh === token) throw error;
      return rpc.request("join", { token: fresh, name });
    }
  }

  #newPeer() {
    const peer = new Peer((offer) => this.request("offer", offer));
    peer.addEventListener("slots", () => this.#emit("slots"));
    peer.addEventListener("connectionstatechange", () => {
      if (peer === this.#peer) this.#mediaStateChanged(peer);
    });
    return peer;
  }

  async #startMedia(rpc, peer) {
    try {
      await this.#publisher.attach(rpc, peer);
      this.#emit("roster");
    } catch (error) {
      if (peer !== this.#peer) return;
      console.warn(`mediasrv: the first offer failed: ${error.message}`);
      if (isFinalRefusal(error)) this.#end(refusalEnding(error));
      else this.#lost(rpc);
    }
  }

  #disconnect(until = null) {
    clearTimeout(this.#mediaTimer);
    this.#publisher.detach();
    const [rpc, peer] = [this.#rpc, this.#peer];
    this.#rpc = this.#peer = null;
    const close = () => {
      peer?.close();
      rpc?.close();
    };
    if (until === null) close();
    else until.finally(close);
  }

  #end(ending, unloading = false) {
    if (this.state === "ended") return;
    const left = this.#rpc?.request("leave").catch(() => {});
    this.ending = ending;
    // The server should hear that we leave before it hears that the media ends, or that would be the reason it tells.
    this.#disconnect(unloading || !left ? null : Promise.race([left, new Promise((resolve) => setTimeout(resolve, LEAVE_LONGEST_MS))]));
    this.#publisher.close();
    this.#setState("ended");
    this.#backoff.wake();
  }

  // The media of the lost session goes on playing until it is resumed or another one is in: often nothing is heard of it.
  #lost(rpc, notice = BANNER.lost) {
    if (rpc !== this.#rpc || (this.state !== "joined" && this.state !== "waiting")) return;
    clearTimeout(this.#mediaTimer);
    this.#publisher.detach();
    this.#rpc = null;
    this.#setState("reconnecting", notice);
    rpc.close();
    this.#comeBack();
  }

  async #comeBack() {
    for (let attempt = 0; this.state === "reconnecting"; attempt++) {
      await this.#backoff.wait(attempt);
      if (this.state !== "reconnecting") return;
      try {
        return await this.#connect();
      } catch (error) {
        if (isFinalRefusal(error)) this.#end(refusalEnding(error));
      }
    }
  }

  #mediaStateChanged(peer) {
    clearTimeout(this.#mediaTimer);
    if (this.state !== "joined") return;
    const state = peer.connectionState;
    if (state === "connected") {
      this.#setState("joined");
    } else if (state === "disconnected") {
      this.#setState("joined", BANNER.unstable);
      this.#mediaTimer = setTimeout(() => this.#restartIce(peer), UNSTABLE_GRACE_MS);
    } else if (state === "failed") {
      this.#restartIce(peer);
    }
  }

  #restartIce(peer) {
    if (peer !== this.#peer || this.state !== "joined") return;
    const rpc = this.#rpc;
    this.#setState("joined", BANNER.unstable);
    peer.negotiate({ iceRestart: true }).catch(() => this.#lost(rpc));
    this.#mediaTimer = setTimeout(() => {
      if (peer.connectionState !== "connected") this.#lost(rpc);
    }, ICE_RESTART_MS);
  }

  #notified(method, params) {
    switch (method) {
      case "participant_joined":
        this.#emit("joined", { participant: this.roster.add(params.participant) });
        return this.#emit("roster");
      case "participant_left": {
        const participant = this.roster.remove(params.participant_id);
        if (participant) this.#emit("left", { participant, reason: params.reason });
        return this.#emit("roster");
      }
      case "track_published":
        this.roster.publish(params.track);
        return this.#emit("roster");
      case "track_unpublished":
        this.roster.unpublish(params.participant_id, params.track_id);
        return this.#emit("roster");
      case "feature_toggled":
        return this.#featureToggled(params);
      case "slots_changed":
        return this.#peer?.assignSlots(params.slots);
      case "slots_needed":
        return this.#peer?.needSlots(params).catch((error) => this.#offerFailed("for more slots", error));
      case "dominant_speaker":
        this.dominantId = params.participant_id;
        return this.#emit("floor");
      case "speaking":
        return this.#emit("speaking", { levels: params.levels });
      case "message":
        return this.#emit("message", params);
      case "permissions_changed":
        return this.#permissionsChanged(params);
      case "participant_updated":
        this.roster.update(params.participant);
        return this.#emit("roster");
      case "room_updated":
        this.roomInfo = params.room;
        // What goes beyond the new bound is dropped; the browser hears of it with an answer.
        if (params.changed.includes("track_bitrate_bps") && this.#peer?.publishes) this.#offerAgain();
        return this.#emit("room");
      case "server_draining":
        this.#goOnAt = params.reconnect_url;
        return this.#emit("draining", { until: params.until, url: params.reconnect_url });
      case "unmute_requested":
        return this.#emit("unmute_requested", { source: params.source, by: this.roster.get(params.by)?.name ?? null });
      case "guest_waiting":
        this.guests.set(params.guest.id, params.guest);
        this.#emit("guests");
        return this.#emit("guest", params.guest);
      case "guest_decided":
        this.guests.delete(params.guest_id);
        return this.#emit("guests");
      case "admitted":
        return this.#enter(this.#rpc, params);
      case "closing":
        return this.#closing(params);
      default:
        // `connected` and `encoding_changed` say what the peer connection shows anyway; newer ones are not for us.
        return undefined;
    }
  }

  // Moderators are told of the others' permissions too.
  #permissionsChanged({ participant_id: participantId, permissions }) {
    if (participantId !== undefined && participantId !== this.participantId) return;
    const wasModerator = this.isModerator;
    this.permissions = new Set(permissions);
    if (this.isModerator !== wasModerator) {
      this.guests.clear();
      this.#askForGuests();
      this.#emit("guests");
    }
    this.#emit("permissions");
  }

  #featureToggled({ participant_id: participantId, track_id: trackId, feature, enabled, by }) {
    this.roster.toggle(participantId, trackId, feature, enabled);
    // What `server` switched off follows from permissions, and `permissions_changed` says so.
    const byOther = by && by !== this.participantId && by !== "server";
    if (participantId === this.participantId && !enabled && byOther) {
      this.#emit("switched_off", { source: FEATURE_SOURCE[feature], by: this.roster.get(by)?.name ?? null });
    }
    this.#emit("roster");
  }

  #closing(params) {
    const notice = closingNotice(params);
    if (params.reason === "server_stopping" && this.#goOnAt) return this.#emit("moved", { url: this.#goOnAt });
    if (notice.comesBack) return this.#lost(this.#rpc, notice.text);
    return this.#end(notice);
  }

  #offerAgain() {
    this.#peer?.negotiate().catch((error) => this.#offerFailed("with another bit rate", error));
  }

  #offerFailed(what, error) {
    if (error.code !== "disconnected") console.warn(`mediasrv: an offer ${what} failed: ${error.message}`);
  }

  #setState(state, notice = "") {
    this.state = state;
    this.notice = notice;
    this.#emit("state");
  }

  #emit(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
