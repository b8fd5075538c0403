// The panel beside the grid: participants or messages. On a phone it covers the grid.

import { byId } from "./dom.js";

const SECTIONS = { people: "Participants", messages: "Messages" };

/** Event `changed` ({open}: the name of the section, or null). */
export class Panel extends EventTarget {
  open = null;

  constructor() {
    super();
    for (const name of Object.keys(SECTIONS)) {
      byId(`control-${name}`).addEventListener("click", () => this.show(this.open === name ? null : name));
    }
    byId("panel-close").addEventListener("click", () => this.show(null));
    byId("panel").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show(null);
    });
  }

  show(name) {
    const before = this.open;
    if (name === before) return;
    this.open = name;
    byId("panel").hidden = name === null;
    byId("call").classList.toggle("with-panel", name !== null);
    for (const [section, title] of Object.entries(SECTIONS)) {
      byId(`panel-${section}`).hidden = section !== name;
      byId(`control-${section}`).setAttribute("aria-expanded", String(section === name));
      if (section === name) byId("panel-title").textContent = title;
    }
    // The keyboard goes along: into what was opened, and back to the button that opened it.
    if (name === "people") byId("panel-title").focus();
    if (name === null && byId("panel").contains(document.activeElement)) byId(`control-${before}`).focus();
    if (name === null && document.activeElement === document.body) byId(`control-${before}`).focus();
    this.dispatchEvent(new CustomEvent("changed", { detail: { open: name } }));
  }
}
