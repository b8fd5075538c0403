// Wires the page: before the call, the call, after it.

import { Call } from "./call.js";
import { CallView } from "./call_view.js";
import { byId } from "./dom.js";
import { hideToken, invitationUrl, peekToken, readInvitation, requestDevToken, TokenNeeded } from "./invitation.js";
import { LocalMedia } from "./local_media.js";
import { joinNotice, LEFT, UNSUPPORTED, WAITING } from "./notices.js";
import { loadPreferences } from "./preferences.js";
import { Prejoin } from "./prejoin.js";
import { Publisher, SOURCES } from "./publisher.js";

const BASE_URL = document.baseURI;

const address = readInvitation(location);
hideToken(location, history);
const about = peekToken(address.token);
const invitation = { token: address.token, room: about?.room || address.room, name: about?.name ?? "" };

const preferences = loadPreferences();
const media = new LocalMedia({ microphone: preferences.microphoneId, camera: preferences.cameraId });
const view = new CallView({
  media,
  speakerId: preferences.speakerId,
  invitationUrl: () => (invitation.token ? "" : invitationUrl(location, call.room)),
});
const prejoin = new Prejoin({ media, invitation, speakerChosen: (deviceId) => view.useSpeaker(deviceId) });

let call = null;
let last = null;            // {name, room, token} of the last join, for "Join again"

/** Where the token of a join comes from: brought along, or made by a development server for this room and name. */
function tokenSource({ name, room, token }) {
  const brought = token || invitation.token;
  let made = null;
  return async (expired = null) => {
    if (brought) return brought;
    if (made === null || made === expired) made = await requestDevToken(BASE_URL, { name, room });
    return made;
  };
}

function rpcUrl() {
  const url = new URL("rpc", BASE_URL);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  return url.href;
}

async function join(wish) {
  last = { name: wish.name, room: wish.room, token: wish.token };
  const joining = new Call({
    url: rpcUrl(), name: wish.name, token: tokenSource(wish), publisher: new Publisher(media, wish.asked),
    mixed: loadPreferences().mixed,
  });
  call = joining;
  joining.addEventListener("state", () => {
    if (joining !== call) return;
    showWaiting(joining);
    if (joining.state === "ended") showEnding(joining.ending);
  });
  joining.addEventListener("session", () => {
    if (!invitation.token && !wish.token) history.replaceState(null, "", invitationUrl(location, joining.room));
    prejoin.hide();
    view.show(joining);
  }, { once: true });
  try {
    await joining.join();
  } catch (error) {
    prejoin.fail(joinNotice(error), { tokenNeeded: error instanceof TokenNeeded });
  }
}

/** The page of those who wait to be let in; it stays while a connection that was lost meanwhile comes back. */
function showWaiting({ state, notice }) {
  const wasShown = !byId("waiting").hidden;
  const isShown = state === "waiting" || (wasShown && state === "reconnecting");
  byId("waiting").hidden = !isShown;
  if (!isShown) return;
  byId("waiting-text").textContent = notice || WAITING;
  if (wasShown) return;
  prejoin.hide();
  document.title = "Waiting to be let in";
  byId("waiting-title").focus();
}

function showEnding({ title, text }) {
  view.hide();
  media.close();
  prejoin.hide();
  byId("ended-title").textContent = title || LEFT.title;
  byId("ended-text").textContent = text || LEFT.text;
  byId("ended").hidden = false;
  document.title = title || LEFT.title;
  byId("ended-title").focus();
}

/** Back to the start: with the devices on again that were on. */
function showPrejoin() {
  byId("ended").hidden = true;
  return prejoin.show();
}

prejoin.addEventListener("join", ({ detail }) => join(detail));
byId("waiting-leave").addEventListener("click", () => call.leave());
byId("ended-back").addEventListener("click", showPrejoin);
byId("ended-rejoin").addEventListener("click", async () => {
  await showPrejoin();
  prejoin.setBusy(true);
  await join(last);
});

// Leaving the page is leaving the call. A page that the browser brings back from its cache shows that it has left.
window.addEventListener("pagehide", () => call?.leave({ unloading: true }));

if (window.RTCPeerConnection && window.WebSocket) prejoin.show();
else showEnding({ title: "This browser is too old", text: UNSUPPORTED });

/** For tests and support: what the call is like right now, as plain data. */
window.mediasrv = Object.freeze({
  get call() {
    if (call === null) return null;
    const plain = (participant) => ({ ...participant, tracks: [...participant.tracks.values()] });
    return {
      state: call.state,
      notice: call.notice,
      room: call.room,
      participantId: call.participantId,
      permissions: [...call.permissions],
      participants: [...call.roster].map(plain),
      slots: Object.fromEntries(call.slots),
      guests: [...call.guests.values()],
      sources: Object.fromEntries(SOURCES.map((source) => [source, call.publisher.isOn(source)])),
    };
  },
  getStats: () => call?.getStats() ?? Promise.resolve([]),
});
