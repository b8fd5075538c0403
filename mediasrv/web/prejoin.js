// Before the call: name, room, seeing and hearing oneself, devices.

import { PREVIEW_TOOLTIPS, listenForKeys, renderToggle } from "./controls.js";
import { DevicePickers } from "./devices.js";
import { byId, element, paintAvatar } from "./dom.js";
import { LevelMeter } from "./level_meter.js";
import * as notices from "./notices.js";
import { loadPreferences, savePreferences } from "./preferences.js";

const LEVEL_INTERVAL_MS = 60;
const QUIETEST_SHOWN_DBOV = -60;
const SOURCES = ["microphone", "camera"];

/** Event `join` ({name, room, token, asked}); `asked` is what Publisher takes: devices that are still starting. */
export class Prejoin extends EventTarget {
  #media;
  #wanted = { microphone: false, camera: false };     // what to join with, also while a device is still starting
  #problems = { microphone: null, camera: null };     // the sentence why a source is off against the person's wish
  #asked = null;              // {sources, settled} while devices are starting, see Publisher
  #meter = new LevelMeter();
  #meterTimer = null;
  #pickers;
  #speakerChosen;

  /** `invitation`: {room, name, token}; `speakerChosen(deviceId)` is called with another speaker. */
  constructor({ media, invitation, speakerChosen }) {
    super();
    this.#media = media;
    this.#speakerChosen = speakerChosen;
    const preferences = loadPreferences();
    byId("join-name").value = invitation.name || preferences.name;
    byId("join-room").value = invitation.room || preferences.room;
    // A token is for one room: with another the server could only refuse.
    byId("join-room").readOnly = invitation.token !== "" && invitation.room !== "";
    this.#pickers = new DevicePickers(byId("prejoin-pickers"),
      (source) => (source === "speaker" ? loadPreferences().speakerId : media.deviceId(source)));
    this.#pickers.addEventListener("chosen", ({ detail }) => this.#useDevice(detail));
    media.addEventListener("changed", ({ detail }) => this.#mediaChanged(detail.source));
    media.addEventListener("lost", ({ detail }) => {
      if (this.isShown) this.#failed(detail.source, notices.deviceLostNotice(detail.source));
    });
    byId("join-name").addEventListener("input", () => this.#render());
    byId("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const source of SOURCES) byId(`preview-${source}`).addEventListener("click", () => this.#toggle(source));
    listenForKeys((key) => {
      const source = { m: "microphone", c: "camera" }[key];
      if (!this.isShown || !source) return false;
      this.#toggle(source);
      return true;
    });
  }

  get isShown() {
    return !byId("prejoin").hidden;
  }

  async show(error = "") {
    byId("prejoin").hidden = false;
    document.title = "Join a call";
    const { microphoneOn, cameraOn } = loadPreferences();
    this.#wanted = { microphone: microphoneOn, camera: cameraOn };
    this.setBusy(false);
    byId("join-error").textContent = error;
    this.#meterTimer ??= setInterval(() => this.#renderLevel(), LEVEL_INTERVAL_MS);
    this.#mediaChanged("microphone");
    this.#render();
    const first = ["join-name", "join-room"].map(byId).find((field) => !field.value) ?? byId("join-button");
    first.focus();
    await this.#startWanted();
  }

  hide() {
    byId("prejoin").hidden = true;
    byId("preview-video").srcObject = null;
    clearInterval(this.#meterTimer);
    this.#meterTimer = null;
    this.#meter.listen(null);
  }

  /** While joining: the button waits. */
  setBusy(busy) {
    byId("join-button").disabled = busy;
    byId("join-button").textContent = busy ? "Joining…" : "Join";
  }

  /** Says why joining failed. With `tokenNeeded` there is a field for one. */
  fail(sentence, { tokenNeeded = false } = {}) {
    this.setBusy(false);
    if (tokenNeeded) byId("join-token-field").hidden = false;
    byId("join-error").textContent = tokenNeeded ? notices.NEEDS_TOKEN : sentence;
    (tokenNeeded ? byId("join-token") : byId("join-button")).focus();
  }

  async #startWanted() {
    const missing = SOURCES.filter((source) => this.#wanted[source] && !this.#media.isOn(source));
    if (missing.length === 0) return;
    // The person may change their mind while the browser is asking.
    const isWanted = (source) => this.#wanted[source];
    const settled = missing.length === 2 ? this.#media.startBoth(isWanted) : this.#startOne(missing[0], isWanted);
    this.#asked = { sources: missing, settled };
    this.#render();
    const errors = await settled;
    this.#asked = null;
    if (!this.isShown) return;          // joined meanwhile: what came of it is for the call
    for (const [source, error] of Object.entries(errors)) this.#failed(source, notices.deviceNotice(error, source));
    this.#render();
    this.#pickers.refresh();
  }

  async #startOne(source, isWanted) {
    try {
      await this.#media.start(source, isWanted);
      return {};
    } catch (error) {
      return { [source]: error };
    }
  }

  async #toggle(source) {
    this.#wanted[source] = !this.#wanted[source];
    this.#problems[source] = null;
    savePreferences({ [`${source}On`]: this.#wanted[source] });
    if (!this.#wanted[source]) this.#media.stop(source);
    this.#render();
    if (this.#wanted[source] && !this.#asked) await this.#startWanted();
  }

  #failed(source, sentence) {
    this.#wanted[source] = false;
    this.#problems[source] = sentence;
    this.#render();
  }

  async #useDevice({ source, deviceId }) {
    savePreferences({ [`${source}Id`]: deviceId });
    if (source === "speaker") {
      this.#speakerChosen(deviceId);
      return;
    }
    try {
      await this.#media.useDevice(source, deviceId);
      this.#problems[source] = null;
    } catch (error) {
      this.#failed(source, notices.deviceNotice(error, source));
    }
    this.#render();
  }

  #mediaChanged(source) {
    if (!this.isShown) return;
    if (source === "microphone") this.#meter.listen(this.#media.track("microphone"));
    this.#render();
  }

  #submit() {
    const [name, room, token] = ["join-name", "join-room", "join-token"].map((id) => byId(id).value.trim());
    const missing = !name ? "join-name" : !room ? "join-room" : null;
    byId("join-name").setAttribute("aria-invalid", String(!name));
    byId("join-room").setAttribute("aria-invalid", String(!room));
    byId("join-error").textContent = !name ? notices.NAME_MISSING : !room ? notices.ROOM_MISSING : "";
    if (missing) {
      byId(missing).focus();
      return;
    }
    savePreferences({ name, room });
    this.setBusy(true);
    this.dispatchEvent(new CustomEvent("join", { detail: { name, room, token, asked: this.#asked } }));
  }

  #render() {
    const camera = this.#media.track("camera");
    const video = byId("preview-video");
    if ((video.srcObject?.getVideoTracks()[0] ?? null) !== camera) {
      video.srcObject = camera ? new MediaStream([camera]) : null;
    }
    video.hidden = camera === null;
    byId("preview-avatar").hidden = camera !== null;
    paintAvatar(byId("preview-avatar"), byId("join-name").value || "?");
    byId("preview-status").textContent = this.#asked ? notices.ASKING : camera ? "" : notices.CAMERA_OFF;
    for (const source of SOURCES) {
      renderToggle(byId(`preview-${source}`), PREVIEW_TOOLTIPS[source], this.#wanted[source]);
    }
    this.#renderProblems();
  }

  #renderProblems() {
    const sentences = SOURCES.map((source) => this.#problems[source]).filter(Boolean);
    if (sentences.length > 0) sentences.push(notices.JOIN_WITHOUT);
    const list = byId("preview-problems");
    if (list.dataset.shown === sentences.join("\n")) return;
    list.dataset.shown = sentences.join("\n");
    list.replaceChildren(...sentences.map((sentence) => element("li", {}, sentence)));
  }

  #renderLevel() {
    const level = this.#wanted.microphone ? this.#meter.level() : QUIETEST_SHOWN_DBOV;
    byId("preview-level").value = Math.max(0, 1 - level / QUIETEST_SHOWN_DBOV);
  }
}
