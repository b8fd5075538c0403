// One tile: a person's camera or a shared screen, or initials where there is no picture.

import { element, icon, paintAvatar } from "./dom.js";

export class Tile {
  element;
  #video;
  #avatar;
  #name;
  #badge;
  #pin;
  #track = null;

  /** `onPin()` is called when the person wants this tile large, or no longer. */
  constructor(key, onPin) {
    this.#video = element("video", { autoplay: true, playsinline: true, "aria-hidden": "true" });
    // Sound comes from the audio slots; a muted video may also play where the browser blocks sound.
    this.#video.muted = true;
    this.#avatar = element("div", { class: "avatar", "aria-hidden": "true" });
    this.#name = element("span", { class: "tile-name" });
    this.#badge = element("span", { class: "tile-muted", title: "Muted" }, icon("microphone-off"));
    this.#pin = element("button", { type: "button", class: "round small tile-pin" }, icon("pin"));
    this.#pin.addEventListener("click", onPin);
    this.element = element("div", { class: "tile", role: "group" }, this.#avatar, this.#video,
      element("div", { class: "tile-label" }, this.#badge, this.#name), this.#pin);
    this.element.dataset.key = key;
    this.#video.addEventListener("resize", () => this.#fit());
    // Browsers pause a video that is moved to another place in the page.
    this.#video.addEventListener("pause", () => {
      if (this.#track) this.#video.play().catch(() => {});
    });
  }

  /** `view`: {name, label, isScreen, isMe, isMuted, isSpeaking, isDominant, isPinned, track}; `track` null shows the initials. */
  update(view) {
    const { classList } = this.element;
    classList.toggle("screen", view.isScreen);
    classList.toggle("me", view.isMe);
    classList.toggle("speaking", view.isSpeaking && !view.isMuted);
    classList.toggle("dominant", view.isDominant && !view.isMuted);
    this.#video.classList.toggle("mirrored", view.isMe && !view.isScreen);
    this.#badge.hidden = !view.isMuted || view.isScreen;
    if (this.#name.textContent !== view.label) {
      this.#name.textContent = view.label;
      paintAvatar(this.#avatar, view.name);
    }
    this.#pin.setAttribute("aria-pressed", String(view.isPinned));
    this.#pin.setAttribute("aria-label", `Show ${view.label} large`);
    this.element.setAttribute("aria-label", describe(view));
    this.#show(view.track);
  }

  remove() {
    this.#show(null);
    this.element.remove();
  }

  #show(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.element.classList.remove("has-video");
    if (!track) {
      this.#video.srcObject = null;
      return;
    }
    this.#video.srcObject = new MediaStream([track]);
    this.#video.play().catch(() => {});
    // The initials stay until there is a picture: a black rectangle says nothing about who is there.
    const revealed = () => {
      if (this.#track === track) this.element.classList.add("has-video");
    };
    if ("requestVideoFrameCallback" in this.#video) this.#video.requestVideoFrameCallback(revealed);
    else this.#video.addEventListener("loadeddata", revealed, { once: true });
  }

  // A portrait picture (a phone held upright) in a wide tile is shown whole rather than cut to a strip.
  #fit() {
    this.element.classList.toggle("portrait", this.#video.videoHeight > this.#video.videoWidth);
  }
}

function describe({ label, isScreen, isMuted, isSpeaking, isDominant, track }) {
  if (isScreen) return label;
  const facts = [isMuted ? "microphone off" : "microphone on", track ? "camera on" : "camera off"];
  // Not live: a screen reader hears it when it comes by, and is not told of every word that is spoken.
  if (isDominant && !isMuted) facts.push("main speaker");
  else if (isSpeaking && !isMuted) facts.push("speaking");
  return `${label}: ${facts.join(", ")}`;
}
