// The choice of camera, microphone and speaker, before and during a call.

import { element } from "./dom.js";

const PICKERS = [
  { source: "camera", kind: "videoinput", label: "Camera" },
  { source: "microphone", kind: "audioinput", label: "Microphone" },
  { source: "speaker", kind: "audiooutput", label: "Speaker" },
];

export const canChooseSpeaker = "setSinkId" in HTMLMediaElement.prototype;

/** Event `chosen` ({source, deviceId}). Fills `container` with one select for each kind of device there is. */
export class DevicePickers extends EventTarget {
  #selects = new Map();
  #current;

  /** `current(source)` says which device id is in use. */
  constructor(container, current) {
    super();
    this.#current = current;
    for (const { source, kind, label } of PICKERS) {
      if (source === "speaker" && !canChooseSpeaker) continue;
      const select = element("select", { name: source });
      select.addEventListener("change", () => {
        this.dispatchEvent(new CustomEvent("chosen", { detail: { source, deviceId: select.value } }));
      });
      this.#selects.set(kind, { source, label, select });
      container.append(element("label", { class: "field" }, element("span", {}, label), select));
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
    this.refresh();
  }

  /** Lists the devices anew: labels are known only after the person allowed their use. */
  async refresh() {
    const devices = await listDevices();
    for (const [kind, { source, label, select }] of this.#selects) {
      const options = devices.filter((device) => device.kind === kind).map((device, index) => (
        element("option", { value: device.deviceId }, device.label || `${label} ${index + 1}`)));
      select.disabled = options.length === 0;
      if (options.length === 0) options.push(element("option", { value: "" }, "None found"));
      select.replaceChildren(...options);
      const current = this.#current(source);
      if (options.some((option) => option.value === current)) select.value = current;
    }
  }
}

async function listDevices() {
  try {
    return await navigator.mediaDevices.enumerateDevices();
  } catch {
    return [];
  }
}
