// The buttons of a call, and their keys.

import { byId } from "./dom.js";

const SOURCE_BUTTONS = {
  microphone: { key: "m", on: "Mute the microphone (M)", off: "Unmute the microphone (M)" },
  camera: { key: "c", on: "Turn the camera off (C)", off: "Turn the camera on (C)" },
  screen: { key: "s", on: "Stop sharing the screen (S)", off: "Share the screen (S)" },
};

/** Events: `toggle` ({source}), `leave`. */
export class Controls extends EventTarget {
  constructor() {
    super();
    for (const source of Object.keys(SOURCE_BUTTONS)) {
      byId(`control-${source}`).addEventListener("click", () => this.#toggle(source));
    }
    byId("sharing-stop").addEventListener("click", () => this.#toggle("screen"));
    byId("control-leave").addEventListener("click", () => this.dispatchEvent(new Event("leave")));
  }

  /** `on` and `allowed`: source -> boolean. A source that is not allowed stays reachable: its click says why. */
  render({ on, allowed }) {
    for (const source of Object.keys(SOURCE_BUTTONS)) {
      renderToggle(byId(`control-${source}`), SOURCE_BUTTONS[source], on[source], allowed[source]);
    }
    byId("sharing").hidden = !on.screen;
  }

  /** Presses the button of a key. True if the key is one of ours. */
  press(key) {
    const source = Object.keys(SOURCE_BUTTONS).find((candidate) => SOURCE_BUTTONS[candidate].key === key);
    if (!source) return false;
    this.#toggle(source);
    return true;
  }

  #toggle(source) {
    this.dispatchEvent(new CustomEvent("toggle", { detail: { source } }));
  }
}

/** A button that is on or off: for screen readers, for eyes, and in its tooltip. */
export function renderToggle(button, { on, off }, isOn, isAllowed = true) {
  button.setAttribute("aria-pressed", String(isOn));
  button.setAttribute("aria-disabled", String(!isAllowed));
  button.dataset.tooltip = !isAllowed ? "Not allowed in this room" : isOn ? on : off;
}

export const PREVIEW_TOOLTIPS = {
  microphone: SOURCE_BUTTONS.microphone,
  camera: SOURCE_BUTTONS.camera,
};

/** Calls `press(key)` for single keys that are not meant for a field, a menu or a dialogue. */
export function listenForKeys(press) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
    if (press(event.key.length === 1 ? event.key.toLowerCase() : event.key)) event.preventDefault();
  });
}
