// The voices of the others: one audio element for each audio slot, on the chosen speaker.

import { byId, element } from "./dom.js";

/** Event `blocked`: the browser holds sound back until the person does something; then call `play()`. */
export class RemoteAudio extends EventTarget {
  #container = byId("remote-audio");
  #players = new Map();       // mid -> {audio, track}
  #speakerId = "";

  /** `tracks`: Map of mid -> MediaStreamTrack, for the audio slots in use. */
  render(tracks) {
    for (const [mid, { audio }] of this.#players) {
      if (tracks.has(mid)) continue;
      audio.srcObject = null;
      audio.remove();
      this.#players.delete(mid);
    }
    for (const [mid, track] of tracks) {
      if (this.#players.get(mid)?.track === track) continue;
      const audio = this.#players.get(mid)?.audio ?? this.#newPlayer();
      audio.srcObject = new MediaStream([track]);
      this.#players.set(mid, { audio, track });
      this.#play(audio);
    }
  }

  async useSpeaker(deviceId) {
    this.#speakerId = deviceId;
    await Promise.all([...this.#players.values()].map(({ audio }) => this.#route(audio)));
  }

  play() {
    for (const { audio } of this.#players.values()) this.#play(audio);
  }

  #newPlayer() {
    const audio = element("audio", { autoplay: true });
    this.#container.append(audio);
    if (this.#speakerId) this.#route(audio).catch(() => {});
    return audio;
  }

  #play(audio) {
    audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.dispatchEvent(new Event("blocked"));
    });
  }

  async #route(audio) {
    await audio.setSinkId?.(this.#speakerId);
  }
}
