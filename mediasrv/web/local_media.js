// The person's own devices: one track each for microphone, camera and screen, or none.

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const SCREEN = { video: { frameRate: { ideal: 15, max: 30 } }, audio: false };
const CONTENT_HINT = { microphone: "speech", camera: "motion", screen: "detail" };

/**
 * Events, each with {source}: `changed` (another track, or on/off), `lost` (the device went away, or the browser's own
 * "stop sharing" was used). Methods that start a device reject with the DOMException of getUserMedia.
 */
export class LocalMedia extends EventTarget {
  #tracks = { microphone: null, camera: null, screen: null };
  #deviceIds;
  #visit = 0;               // counts the calls of close(): what was asked for before is not for afterwards

  /** `deviceIds`: {microphone, camera}, remembered choices; a device that is gone is replaced by the default. */
  constructor(deviceIds = {}) {
    super();
    this.#deviceIds = { microphone: "", camera: "", ...deviceIds };
  }

  track(source) {
    return this.#tracks[source];
  }

  isOn(source) {
    return this.#tracks[source]?.enabled ?? false;
  }

  deviceId(source) {
    return this.#tracks[source]?.getSettings().deviceId ?? this.#deviceIds[source];
  }

  /**
   * Starts the source, or gives a silenced microphone its voice back. While the browser asks the person, the wish may
   * pass: where `isWanted(source)` is false by then, the device is given back and the result is null.
   */
  async start(source, isWanted = () => true) {
    const current = this.#tracks[source];
    if (current) {
      current.enabled = true;
      this.#changed(source);
      return current;
    }
    const visit = this.#visit;
    const track = source === "screen" ? await this.#openScreen() : await this.#open(source, "ideal");
    return this.#adoptIf(visit === this.#visit && isWanted(source), source, track);
  }

  /**
   * Starts microphone and camera with one question to the person. Resolves with the errors of those that failed,
   * by source: {} when none did.
   */
  async startBoth(isWanted) {
    const visit = this.#visit;
    try {
      const stream = await mediaDevices().getUserMedia({
        audio: this.#constraints("microphone", "ideal"), video: this.#constraints("camera", "ideal"),
      });
      const isDue = (source) => visit === this.#visit && isWanted(source);
      this.#adoptIf(isDue("microphone"), "microphone", stream.getAudioTracks()[0]);
      this.#adoptIf(isDue("camera"), "camera", stream.getVideoTracks()[0]);
      return {};
    } catch {
      // One of the two is missing or refused: asked for one by one, the other still comes.
      const errors = {};
      for (const source of ["microphone", "camera"]) {
        await this.start(source, isWanted).catch((error) => {
          errors[source] = error;
        });
      }
      return errors;
    }
  }

  /** Silences the microphone, which stays open so that it is back at once; switches camera and screen off. */
  stop(source) {
    const track = this.#tracks[source];
    if (!track) return;
    track.enabled = false;
    if (source !== "microphone") this.#release(source);
    this.#changed(source);
  }

  /** Takes another device. A microphone keeps its on/off, a camera that is off stays off until it is started. */
  async useDevice(source, deviceId) {
    this.#deviceIds[source] = deviceId;
    const current = this.#tracks[source];
    if (!current) return;
    const enabled = current.enabled;
    // Some systems open a camera only once it is free, also to the same page.
    this.#release(source);
    let track;
    try {
      track = await this.#open(source, "exact");
    } catch (error) {
      this.#changed(source);
      throw error;
    }
    track.enabled = enabled;
    this.#adopt(source, track);
  }

  /** Gives all devices back, also those that are still starting. */
  close() {
    this.#visit++;
    for (const source of Object.keys(this.#tracks)) {
      if (this.#tracks[source] === null) continue;
      this.#release(source);
      this.#changed(source);
    }
  }

  async #open(source, match) {
    const kind = source === "camera" ? "video" : "audio";
    const stream = await mediaDevices().getUserMedia({ [kind]: this.#constraints(source, match) });
    return stream.getTracks()[0];
  }

  async #openScreen() {
    const stream = await mediaDevices().getDisplayMedia(SCREEN);
    return stream.getVideoTracks()[0];
  }

  #constraints(source, match) {
    const deviceId = this.#deviceIds[source];
    const basis = source === "camera" ? CAMERA : MICROPHONE;
    if (deviceId) return { ...basis, deviceId: { [match]: deviceId } };
    return source === "camera" ? { ...basis, facingMode: "user" } : basis;
  }

  #adoptIf(isDue, source, track) {
    if (isDue) return this.#adopt(source, track);
    track.stop();
    return null;
  }

  #adopt(source, track) {
    // Two starts may have raced (a double click on a slow device): the second track wins, the first is let go.
    this.#release(source);
    if ("contentHint" in track) track.contentHint = CONTENT_HINT[source];
    this.#tracks[source] = track;
    track.addEventListener("ended", () => {
      if (this.#tracks[source] !== track) return;
      this.#tracks[source] = null;
      this.#changed(source);
      this.dispatchEvent(new CustomEvent("lost", { detail: { source } }));
    });
    this.#changed(source);
    return track;
  }

  #release(source) {
    this.#tracks[source]?.stop();
    this.#tracks[source] = null;
  }

  #changed(source) {
    this.dispatchEvent(new CustomEvent("changed", { detail: { source } }));
  }
}

function mediaDevices() {
  // Browsers hide it from pages that did not come over https or from this machine.
  if (!navigator.mediaDevices) throw new DOMException("no media devices in an insecure context", "SecurityError");
  return navigator.mediaDevices;
}
