// What a moderator can do on the page: about each participant, about those who wait, about the room.

import { announce, toast, untoast } from "./announcements.js";
import { arrange, byId, element, paintAvatar } from "./dom.js";
import * as notices from "./notices.js";
import { isLive, trackOf } from "./roster.js";

const BAN_S = 3_600;

/** What there is to do about a participant, as the menu takes it. */
export function actionsFor(participant) {
  const microphoneIsOn = isLive(participant, "microphone");
  const actions = [microphoneIsOn
    ? { action: "mute-microphone", label: "Mute the microphone" }
    : { action: "ask-microphone", label: "Ask to unmute" }];
  if (isLive(participant, "camera")) actions.push({ action: "mute-camera", label: "Turn the camera off" });
  if (isLive(participant, "screen")) actions.push({ action: "mute-screen", label: "Stop the screen share" });
  actions.push({ action: "remove", label: "Remove from the call", danger: true });
  actions.push({ action: "ban", label: "Remove and keep out for an hour", danger: true });
  return actions;
}

export class Moderation {
  #request;
  #guests = new Map();            // guest id -> row
  #isModerator = false;

  /** `request(method, params)` asks the server. */
  constructor(request) {
    this.#request = request;
    byId("room-locked").addEventListener("change", ({ target }) => this.#ask("update_room", { locked: target.checked }));
    byId("room-lobby").addEventListener("change", ({ target }) => this.#ask("update_room", { lobby: target.checked }));
  }

  act(action, participant) {
    const participantId = participant.id;
    const [verb, source] = action.split("-");
    if (verb === "mute") {
      const track = trackOf(participant, source);
      if (track) this.#ask("mute_track", { participant_id: participantId, track_id: track.id });
    } else if (verb === "ask") {
      this.#ask("ask_to_unmute", { participant_id: participantId, source })
        .then((done) => done && announce(notices.askedNotice(participant.name)));
    } else if (action === "remove") {
      this.#ask("remove_participant", { participant_id: participantId });
    } else if (action === "ban") {
      this.#ask("ban", { participant_id: participantId, for_s: BAN_S });
    }
  }

  /** Somebody new waits; with `isListed` the list of them is open. */
  announceGuest(guest, { isListed }) {
    if (isListed) {
      announce(notices.guestNotice(guest.name));
      return;
    }
    toast(notices.guestNotice(guest.name), {
      action: { label: "Let in", run: () => this.#ask("admit", { guest_id: guest.id }) },
      key: guest.id,
    });
  }

  /** The list of those who wait is open now: notices of them would only cover it. */
  listed() {
    for (const id of this.#guests.keys()) untoast(id);
  }

  render({ isModerator, roomInfo, guests }) {
    this.#isModerator = isModerator;
    byId("room-settings").hidden = !isModerator || roomInfo === null;
    if (roomInfo) {
      byId("room-locked").checked = roomInfo.locked;
      byId("room-lobby").checked = roomInfo.lobby;
    }
    const waiting = isModerator ? [...guests.values()] : [];
    byId("guests-section").hidden = waiting.length === 0;
    for (const id of this.#guests.keys()) {
      if (guests.has(id)) continue;
      this.#guests.delete(id);
      untoast(id);
    }
    arrange(byId("guests"), waiting.map((guest) => this.#row(guest)));
  }

  #row(guest) {
    const made = this.#guests.get(guest.id);
    if (made) return made;
    const avatar = element("span", { class: "avatar", "aria-hidden": "true" });
    paintAvatar(avatar, guest.name);
    const row = element("li", { class: "person" }, avatar, element("span", { class: "person-name" }, guest.name),
      this.#button("Let in", `Let ${guest.name} in`, "admit", guest, "primary small"),
      this.#button("Refuse", `Refuse ${guest.name}`, "refuse", guest, "secondary small"));
    this.#guests.set(guest.id, row);
    return row;
  }

  #button(text, label, method, guest, style) {
    const button = element("button", { type: "button", class: style, "aria-label": label }, text);
    button.addEventListener("click", () => this.#ask(method, { guest_id: guest.id }));
    return button;
  }

  async #ask(method, params) {
    if (!this.#isModerator) return false;
    try {
      await this.#request(method, params);
      return true;
    } catch (error) {
      // Somebody who has gone meanwhile needs nothing done about them.
      if (error.code !== "not_found") toast(notices.errorNotice(error), { kind: "error" });
      return false;
    }
  }
}
