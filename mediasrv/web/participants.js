// The list of everyone in the room, with what they have on.

import { arrange, byId, element, icon, paintAvatar } from "./dom.js";
import { ModerationMenu } from "./moderation_menu.js";

/** Event `moderate` ({id, action}). */
export class ParticipantList extends EventTarget {
  #list = byId("people");
  #rows = new Map();          // participant id -> {row, name, microphone, camera, screen, menu}

  /** `people`: [{id, name, label, isMuted, hasCamera, sharesScreen, isSpeaking, actions}], `actions` as the menu takes. */
  render(people) {
    byId("people-count").textContent = people.length;
    byId("control-people").setAttribute("aria-label", `Participants (${people.length})`);
    const ids = new Set(people.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    for (const person of people) this.#renderRow(person);
    arrange(this.#list, people.map(({ id }) => this.#rows.get(id).row));
  }

  #renderRow(person) {
    const row = this.#rows.get(person.id) ?? this.#newRow(person);
    row.name.textContent = person.label;
    row.row.classList.toggle("speaking", person.isSpeaking && !person.isMuted);
    showFact(row.screen, "screen", person.sharesScreen ? "shares the screen" : null);
    showFact(row.camera, person.hasCamera ? "camera" : "camera-off", person.hasCamera ? "camera on" : "camera off");
    const microphone = person.isMuted ? ["microphone-off", "microphone off"] : ["microphone", "microphone on"];
    showFact(row.microphone, ...microphone);
    row.menu.render(person.name, person.actions);
  }

  #newRow(person) {
    const avatar = element("span", { class: "avatar", "aria-hidden": "true" });
    paintAvatar(avatar, person.name);
    const made = { microphone: fact(), camera: fact(), screen: fact(), menu: new ModerationMenu() };
    made.menu.addEventListener("chosen", ({ detail }) => {
      this.dispatchEvent(new CustomEvent("moderate", { detail: { id: person.id, action: detail.action } }));
    });
    made.name = element("span", { class: "person-name" });
    made.row = element("li", { class: "person" }, avatar, made.name,
      element("span", { class: "person-facts" }, made.screen, made.camera, made.microphone), made.menu.element);
    this.#rows.set(person.id, made);
    return made;
  }
}

function fact() {
  return element("span", { class: "fact", role: "img" });
}

function showFact(place, iconName, sentence) {
  place.hidden = sentence === null;
  if (sentence === null || place.dataset.icon === iconName) return;
  place.dataset.icon = iconName;
  place.setAttribute("aria-label", sentence);
  place.classList.toggle("off", iconName.endsWith("-off"));
  place.replaceChildren(icon(iconName));
}
