// The sentences for everything that can go wrong: what happened and what to do about it.

const DEVICE = { microphone: "microphone", camera: "camera", screen: "screen" };

/** For a DOMException of getUserMedia, or its absence. Null where silence is right: the person closed the dialogue. */
export function deviceNotice(error, source) {
  const device = DEVICE[source];
  if (source === "screen") return screenNotice(error);
  switch (error.name) {
    case "NotAllowedError":
      return `The browser may not use your ${device}. Allow it at the address bar, then turn it on here.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${device} was found. Connect one, then turn it on here.`;
    case "NotReadableError":
    case "AbortError":
      return `Your ${device} is in use by another program. Close that program, then try again.`;
    case "SecurityError":
    case "TypeError":
      return `The browser gives this page no ${device}. It needs an address that starts with https://.`;
    default:
      return `Your ${device} could not be started (${error.name}). Try another one in the settings.`;
  }
}

function screenNotice(error) {
  if (error.name === "NotAllowedError" || error.name === "AbortError") return null;
  if (error.name === "TypeError" || error.name === "SecurityError") return "This browser can't share the screen here.";
  return "The screen could not be shared. Choose another window or screen, and try again.";
}

export function deviceLostNotice(source) {
  return `Your ${DEVICE[source]} was disconnected. Connect it again or choose another one in the settings.`;
}

const FEATURE_VERB = {
  microphone: "speak", camera: "show your camera", screen: "share your screen", message: "send messages",
  subscribe: "see and hear the others",
};

export function notPermittedNotice(feature) {
  return `You are not allowed to ${FEATURE_VERB[feature]} in this room.`;
}

export function revokedNotice(feature) {
  return `You are no longer allowed to ${FEATURE_VERB[feature]} in this room.`;
}

export function mutedByOtherNotice(source, by) {
  return `${by ?? "A moderator"} ${SWITCHED_OFF[source]}.`;
}

/** A moderator asks for a source; `by` is a name or null. */
export function unmuteRequestedNotice(source, by) {
  return `${by ?? "A moderator"} asks you to ${TURN_ON[source]}.`;
}

const TURN_ON = {
  microphone: "unmute your microphone",
  camera: "turn your camera on",
  screen: "share your screen",
};
export const TURN_ON_LABEL = { microphone: "Unmute", camera: "Turn the camera on", screen: "Share the screen" };

export function askedNotice(name) {
  return `${name} was asked to unmute.`;
}

export function guestNotice(name) {
  return `${name} would like to join.`;
}

const SWITCHED_OFF = {
  microphone: "muted your microphone",
  camera: "turned your camera off",
  screen: "stopped your screen share",
};

const REFUSED = {
  token_expired: "Your invitation has expired. Ask for a new one.",
  token_invalid: "The server does not accept this token. Check that all of it was pasted, or ask for a new one.",
  token_wrong_room: "This token is for another room.",
  permission_denied: "Your token does not allow you to join this room.",
  banned: "A moderator has banned you from this room for a time.",
  room_locked: "The room is locked: nobody new comes in. Ask somebody inside to unlock it.",
  already_joined: "This connection is in the room already. Reload the page to join again.",
  rate_limited: "That was a lot in a short time. Wait a moment, then try again.",
  server_draining: "The server is being stopped and takes nobody new. Try again in a few minutes.",
  server_busy: "The server is full at the moment. Try again in a few minutes.",
  too_large: "That is too long for one message.",
  bad_sdp: "The server and this browser could not agree on how to send media. Try another browser.",
  timeout: "The server did not answer. Check your connection, then try again.",
  disconnected: "The server can't be reached. Check your connection, then try again.",
};

/** For an RpcError (or any other error) that ended a request. */
export function errorNotice(error) {
  if (error instanceof TypeError) return REFUSED.disconnected;     // what fetch rejects with when nobody answers
  return REFUSED[error.code] ?? error.message ?? "Something went wrong. Try again.";
}

/** For an error that ended an attempt to join. */
export function joinNotice(error) {
  return error.code === "not_found" ? NO_ROOM : errorNotice(error);
}

const NO_ROOM = "There is no such room at the moment. Check its name, or ask who invited you.";

/** Whether joining again with the same token can't succeed. */
export function isFinalRefusal(error) {
  return ["token_expired", "token_invalid", "token_wrong_room", "permission_denied", "banned", "room_locked", "not_found", "bad_request",
    "invalid_params", "bad_sdp"].includes(error.code);
}

// Why the server ended the session. `comesBack`: the page joins again by itself.
const CLOSING = {
  replaced: {
    title: "You joined somewhere else",
    text: "Someone joined with your name elsewhere, so this page left the call.",
  },
  deleted: { title: "The call was ended", text: "Your place in the call was removed by the program that made it." },
  banned: { title: "You were banned", text: "A moderator has banned you from this room for a time." },
  join_revoked: { title: "You may no longer be here", text: "Your permission to be in this room has ended." },
  refused: { title: "You were not let in", text: "A moderator did not let you into the room." },
  resumed_elsewhere: { title: "You joined somewhere else", text: "The call goes on at another place." },
  removed: { title: "You were removed", text: "A moderator removed you from the call." },
  room_closed: { title: "The call has ended", text: "The call was ended for everybody." },
  fingerprint_mismatch: {
    title: "The connection was not safe",
    text: "The encrypted connection did not come from this page, so the server ended it. Try another network.",
  },
  server_stopping: { comesBack: true, text: "The server is stopping. You come back as soon as it runs again…" },
  peer_closed: { comesBack: true },
  consent_expired: { comesBack: true },
  dtls_failed: { comesBack: true },
  connect_timeout: { comesBack: true },
  signaling_lost: { comesBack: true },
  no_memory: { comesBack: true, text: "The server is full at the moment. You come back as soon as there is room…" },
  media_closed: { comesBack: true },
  too_slow: { comesBack: true },
  rate_limited: { comesBack: true },
};

/** {title, text, comesBack} for the server's `closing` notification. */
export function closingNotice({ reason, message }) {
  const known = CLOSING[reason];
  if (known?.comesBack) return { title: "", text: known.text ?? BANNER.lost, comesBack: true };
  return {
    title: known?.title ?? "The call has ended for you",
    text: known?.text ?? message ?? "The server ended your session.",
    comesBack: false,
  };
}

/** {title, text} for a refusal that ended a call which had begun. */
export function refusalEnding(error) {
  return { title: "You could not come back", text: joinNotice(error) };
}

export const BANNER = {
  lost: "Connection lost, coming back…",
  offline: "You are offline. You come back as soon as there is a network…",
  unstable: "The connection is unstable…",
};

/** `until` is when the server stops, in seconds since the epoch. */
export function drainingNotice(until) {
  const time = new Date(until * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `This server stops at ${time}.`;
}
export const GO_ON = "Go on at another one";

export const WAITING = "You come in as soon as a moderator lets you.";
export const LEFT = { title: "You left the call", text: "You can come back at any time." };

export function leaveAnnouncement(name, reason) {
  return reason === "consent_expired" || reason === "signaling_lost"
    ? `${name} lost the connection.` : `${name} left.`;
}

export const UNSUPPORTED = "This browser has no WebRTC. Use a current Firefox, Chrome, Edge or Safari.";
export const ASKING = "Allow the camera and the microphone in your browser, or join without them.";
export const CAMERA_OFF = "Your camera is off";
export const JOIN_WITHOUT = "You can join without: you see and hear the others all the same.";
export const NAME_MISSING = "Say who you are.";
export const ROOM_MISSING = "Say which room.";
export const SPEAKER_REFUSED = "That speaker could not be used. Choose another one.";
export const LINK_COPIED = "The link is copied. Send it to whom you want to meet.";
export const NEEDS_TOKEN = "This server asks for a token. Paste the one that you were given.";
export const SOUND_BLOCKED = "The browser holds back the sound of this page.";
export const RECIPIENT_LEFT = "has left. Choose somebody else, or everyone.";
