// The page during a call: connects what happens in the call with what is seen and heard.

import { announce, clearToasts, toast } from "./announcements.js";
import { audioTracks, everyone, people, tileViews } from "./call_picture.js";
import { Controls, listenForKeys } from "./controls.js";
import { DevicePickers } from "./devices.js";
import { byId } from "./dom.js";
import { Grid } from "./grid.js";
import { Messages } from "./messages.js";
import { Moderation } from "./moderation.js";
import { sameRoomAt } from "./invitation.js";
import * as notices from "./notices.js";
import { Panel } from "./panel.js";
import { ParticipantList } from "./participants.js";
import { mayPublish } from "./permissions.js";
import { savePreferences } from "./preferences.js";
import { SOURCES } from "./publisher.js";
import { RemoteAudio } from "./remote_audio.js";
import { SlotQuality } from "./slot_quality.js";
import { Speaking } from "./speaking.js";
import { keepAwake } from "./wake_lock.js";

const HIDDEN_GRACE_MS = 10_000;       // a glance at another window should not cost a keyframe

export class CallView {
  #media;
  #call = null;
  #speakerId;
  #invitationUrl;
  #grid = new Grid(byId("grid"));
  #controls = new Controls();
  #panel = new Panel();
  #list = new ParticipantList();
  #messages = new Messages((text, to) => this.#call.request("send_message", to ? { text, to } : { text }));
  #moderation = new Moderation((method, params) => this.#call.request(method, params));
  #audio = new RemoteAudio();
  #speaking = new Speaking();
  #quality = new SlotQuality((method, params) => this.#call.request(method, params));
  #pickers;
  #isHidden = false;
  #hiddenTimer = null;

  /** `invitationUrl()` is the address for others, or "" where an address alone would not let them in. */
  constructor({ media, speakerId, invitationUrl }) {
    this.#media = media;
    this.#speakerId = speakerId;
    this.#pickers = new DevicePickers(byId("settings-pickers"),
      (source) => (source === "speaker" ? this.#speakerId : media.deviceId(source)));
    this.#pickers.addEventListener("chosen", ({ detail }) => this.#useDevice(detail));
    this.#invitationUrl = invitationUrl;
    this.#wireControls();
    this.#wireMedia();
    this.#grid.addEventListener("viewed", () => this.#tellQuality());
    this.#grid.addEventListener("pinned", () => this.#call?.pin(this.#grid.pinnedId));
    this.#speaking.addEventListener("changed", () => this.#renderPeople());
    this.#list.addEventListener("moderate", ({ detail }) => {
      const participant = this.#call.roster.get(detail.id);
      if (participant) this.#moderation.act(detail.action, participant);
    });
    this.#audio.addEventListener("blocked", () => {
      toast(notices.SOUND_BLOCKED, { action: { label: "Turn the sound on", run: () => this.#audio.play() } });
    });
  }

  show(call) {
    this.#call = call;
    this.#wireCall(call);
    byId("call").hidden = false;
    byId("copy-link").hidden = this.#invitationUrl() === "";
    byId("call-room").textContent = call.room;
    document.title = call.room;
    this.#speaking.start(() => call.participantId);
    this.#speaking.listen(this.#media.track("microphone"));
    this.#audio.useSpeaker(this.#speakerId).catch(() => {});
    keepAwake(true);
    this.#render();
    this.#renderModeration();
    this.#renderBanner();
    byId("call-room").focus();
    announce(`You are in ${call.room}.`);
    this.#readHistory();
  }

  hide() {
    byId("call").hidden = true;
    byId("settings").close();
    this.#panel.show(null);
    this.#messages.clear();
    this.#speaking.stop();
    this.#quality.reset();
    this.#grid.render([]);
    this.#audio.render(new Map());
    clearToasts();
    keepAwake(false);
    this.#call = null;
  }

  useSpeaker(deviceId) {
    this.#speakerId = deviceId;
    this.#audio.useSpeaker(deviceId).catch(() => toast(notices.SPEAKER_REFUSED, { kind: "error" }));
  }

  #wireControls() {
    this.#controls.addEventListener("toggle", ({ detail }) => this.#toggle(detail.source));
    this.#controls.addEventListener("leave", () => this.#call.leave());
    listenForKeys((key) => !byId("call").hidden && this.#controls.press(key));
    this.#panel.addEventListener("changed", ({ detail }) => {
      if (detail.open === "messages") this.#messages.opened();
      else this.#messages.closed();
      if (detail.open === "people") this.#moderation.listed();
    });
    this.#messages.addEventListener("unread", ({ detail }) => renderUnread(detail.count));
    byId("control-settings").addEventListener("click", () => {
      this.#pickers.refresh();
      byId("settings").showModal();
    });
    byId("settings-mixed").addEventListener("change", ({ target }) => {
      savePreferences({ mixed: target.checked });
      this.#call.hearMixed(target.checked);
    });
    byId("banner-retry").addEventListener("click", () => this.#call.retryNow());
    byId("copy-link").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.#invitationUrl());
        toast(notices.LINK_COPIED);
      } catch {
        toast(`The link to this room: ${this.#invitationUrl()}`);
      }
    });
    window.addEventListener("online", () => this.#call?.retryNow());
    window.addEventListener("offline", () => this.#call && this.#renderBanner());
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  #wireMedia() {
    this.#media.addEventListener("changed", ({ detail }) => {
      if (!this.#call) return;
      if (detail.source === "microphone") this.#speaking.listen(this.#media.track("microphone"));
      this.#render();
    });
    this.#media.addEventListener("lost", ({ detail }) => {
      if (this.#call && detail.source !== "screen") toast(notices.deviceLostNotice(detail.source), { kind: "error" });
    });
  }

  #wireCall(call) {
    const on = (type, listener) => call.addEventListener(type, ({ detail }) => {
      if (call === this.#call) listener(detail);
    });
    on("session", () => {
      this.#quality.reset();
      this.#readHistory();
    });
    on("state", () => this.#stateChanged());
    on("roster", () => this.#render());
    on("slots", () => this.#render());
    on("floor", () => this.#renderPeople());
    on("permissions", () => this.#permissionsChanged());
    on("guests", () => this.#renderModeration());
    on("room", () => this.#renderModeration());
    on("guest", (guest) => this.#moderation.announceGuest(guest, { isListed: this.#panel.open === "people" }));
    on("unmute_requested", (request) => this.#unmuteRequested(request));
    on("joined", ({ participant }) => announce(`${participant.name} joined.`));
    on("left", ({ participant, reason }) => {
      if (reason !== "replaced") announce(notices.leaveAnnouncement(participant.name, reason));
    });
    on("speaking", ({ levels }) => this.#speaking.heard(levels));
    on("message", (message) => this.#received(message));
    on("draining", ({ until, url }) => {
      const elsewhere = sameRoomAt(url, location, call.room);
      const action = elsewhere ? { label: notices.GO_ON, run: () => location.assign(elsewhere) } : null;
      toast(notices.drainingNotice(until), { action });
    });
    on("moved", ({ url }) => location.assign(sameRoomAt(url, location, call.room)));
    on("switched_off", ({ source, by }) => {
      call.publisher.set(source, false);
      toast(notices.mutedByOtherNotice(source, by));
    });
    call.publisher.addEventListener("changed", () => call === this.#call && this.#render());
    call.publisher.addEventListener("failed", ({ detail }) => call === this.#call && this.#sourceFailed(detail));
  }

  #toggle(source) {
    const { publisher } = this.#call;
    if (!this.#allowed(source) && !publisher.isOn(source)) {
      toast(notices.notPermittedNotice(source));
      return;
    }
    if (source !== "screen") savePreferences({ [`${source}On`]: !publisher.isOn(source) });
    publisher.toggle(source);
  }

  #allowed(source) {
    return mayPublish(this.#call.permissions, source);
  }

  #sourceFailed({ source, error }) {
    if (error.code === "permission_denied") toast(notices.notPermittedNotice(source), { kind: "error" });
    else if (error.code) toast(notices.errorNotice(error), { kind: "error" });
    else {
      const sentence = notices.deviceNotice(error, source);
      if (sentence) toast(sentence, { kind: "error" });
    }
  }

  #unmuteRequested({ source, by }) {
    if (this.#call.publisher.isOn(source) || !this.#allowed(source)) return;
    toast(notices.unmuteRequestedNotice(source, by), {
      action: { label: notices.TURN_ON_LABEL[source], run: () => this.#call?.publisher.set(source, true) },
    });
  }

  #permissionsChanged() {
    const { publisher, permissions, messageSize } = this.#call;
    for (const source of SOURCES) {
      if (this.#allowed(source) || !publisher.isOn(source)) continue;
      publisher.set(source, false);
      toast(notices.revokedNotice(source));
    }
    if (!permissions.has("subscribe")) toast(notices.notPermittedNotice("subscribe"));
    this.#messages.allow(permissions.has("send_message"), messageSize);
    this.#render();
    this.#renderModeration();
  }

  async #useDevice({ source, deviceId }) {
    if (source === "speaker") {
      savePreferences({ speakerId: deviceId });
      this.useSpeaker(deviceId);
      return;
    }
    savePreferences({ [`${source}Id`]: deviceId });
    try {
      await this.#media.useDevice(source, deviceId);
    } catch (error) {
      this.#call?.publisher.set(source, false);
      toast(notices.deviceNotice(error, source), { kind: "error" });
    }
  }

  // What was said to everyone before one came, where the room keeps it.
  async #readHistory() {
    const call = this.#call;
    if (!call?.roomInfo?.history) return;
    try {
      const { messages = [] } = await call.request("message_history", { limit: call.roomInfo.history });
      if (call !== this.#call) return;
      for (const { message_id: id, from, from_name: author, text, sent_at: sentAt } of messages) {
        this.#messages.show({ id, author, recipient: null, isMine: from === call.participantId, text, sentAt, isOld: true });
      }
    } catch (error) {
      if (error.code !== "disconnected") console.warn(`mediasrv: no messages of before: ${error.message}`);
    }
  }

  #received({ message_id: id, from, to, text, sent_at: sentAt }) {
    const author = this.#call.roster.get(from)?.name ?? "Somebody who left";
    const isMine = from === this.#call.participantId;
    const recipient = to ? to.map((one) => this.#call.roster.get(one)?.name ?? "somebody").join(", ") : null;
    this.#messages.show({ id, author, recipient, isMine, text, sentAt });
    // An open log is a live region and speaks for itself.
    if (!isMine && this.#panel.open !== "messages") announce(`${author}${recipient ? ", only to you" : ""}: ${text}`);
  }

  #stateChanged() {
    if (this.#call.state === "joined" && this.#call.notice === "") {
      byId("call-room").textContent = this.#call.room;
    }
    this.#renderBanner();
    this.#render();
  }

  #renderBanner() {
    const { state, notice } = this.#call;
    const offline = state === "reconnecting" && !navigator.onLine;
    byId("banner").hidden = notice === "";
    byId("banner-text").textContent = offline ? notices.BANNER.offline : notice;
    byId("banner-retry").hidden = state !== "reconnecting";
  }

  #render() {
    if (!this.#call) return;
    this.#controls.render({
      on: Object.fromEntries(SOURCES.map((source) => [source, this.#call.publisher.isOn(source)])),
      allowed: Object.fromEntries(SOURCES.map((source) => [source, this.#allowed(source)])),
    });
    byId("settings-mixed").checked = this.#call.isMixed;
    this.#audio.render(audioTracks(this.#call));
    this.#messages.setPeople(everyone(this.#call).filter(({ id }) => id !== this.#call.participantId));
    this.#renderPeople();
  }

  #renderModeration() {
    if (!this.#call) return;
    const { isModerator, roomInfo, guests } = this.#call;
    this.#moderation.render({ isModerator, roomInfo, guests });
    byId("guest-count").hidden = guests.size === 0;
    byId("guest-count").textContent = guests.size;
  }

  #renderPeople() {
    if (!this.#call) return;
    this.#grid.render(tileViews(this.#call, this.#media, this.#speaking.ids));
    this.#list.render(people(this.#call, this.#media, this.#speaking.ids));
  }

  #tellQuality() {
    if (this.#call?.state !== "joined") return;
    this.#quality.update(this.#grid.views().filter(({ mid, track }) => mid && track)
      .map((view) => ({ ...view, visible: view.visible && !this.#isHidden })));
  }

  #visibilityChanged() {
    clearTimeout(this.#hiddenTimer);
    const hide = (hidden) => {
      this.#isHidden = hidden;
      this.#tellQuality();
    };
    if (document.hidden) this.#hiddenTimer = setTimeout(hide, HIDDEN_GRACE_MS, true);
    else hide(false);
  }
}

function renderUnread(count) {
  byId("unread").hidden = count === 0;
  byId("unread").textContent = count > 99 ? "99+" : count;
  byId("control-messages").setAttribute("aria-label", count === 0 ? "Messages" : `Messages (${count} unread)`);
}
