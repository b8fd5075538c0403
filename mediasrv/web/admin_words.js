// Numbers and words of the server as sentences for those who look after it.

export function bits(bps) {
  if (bps === null) return "–";
  if (bps >= 1e6) return `${(bps / 1e6).toFixed(bps >= 1e7 ? 0 : 1)} Mbit/s`;
  return `${Math.round(bps / 1e3)} kbit/s`;
}

export function count(number) {
  if (number === null) return "–";
  return Math.round(number).toLocaleString("en");
}

export function bytes(number) {
  if (number >= 2 ** 30) return `${(number / 2 ** 30).toFixed(1)} GiB`;
  return `${Math.round(number / 2 ** 20)} MiB`;
}

/** A share from 0 to 1. */
export function percent(share) {
  if (share === null) return "–";
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

export function milliseconds(seconds) {
  return seconds === null ? "–" : `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
}

export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.max(0, Math.floor(seconds))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

const WHY = {
  empty: "no track is in it",
  not_permitted: "may not subscribe",
  paused: "paused by the receiver",
  muted: "the track is muted",
  silent: "nothing comes of the track",
  switching: "waits for a keyframe",
  only: "the only one that comes",
  asked: "the receiver asked for it",
  below_asked: "the one asked for does not come",
  highest: "the highest that comes",
};

/** Why a slot shows the encoding that it shows. */
export function why(word) {
  return WHY[word] ?? word;
}

/** What each permission flag lets somebody do, in the order of the control protocol. */
export const FLAGS = [
  ["join", "be in the room"],
  ["publish_audio", "send the microphone"],
  ["publish_video", "send the camera"],
  ["share_screen", "send the screen"],
  ["subscribe", "see and hear others"],
  ["send_message", "write messages"],
  ["record", "record"],
  ["reserve", "reserve"],
  ["moderate", "moderate the room"],
];

const SOURCE = { microphone: "microphone", camera: "camera", screen: "screen" };

/** {text, about} of an event or a journal record; `about` is who or what did it, as far as it is told. */
export function happened({ event, participant, fields }) {
  const who = fields.identity ?? participant ?? "somebody";
  const track = fields.source ? `${SOURCE[fields.source] ?? fields.source} (${fields.codec ?? fields.kind})` : "a track";
  const said = {
    room_opened: () => "the room was opened",
    room_closed: () => "the room was closed",
    room_updated: () => `changed: ${(fields.changed ?? []).join(", ")}`,
    participant_joined: () => `${fields.name || who} joined`,
    participant_left: () => `${who} left: ${fields.reason}`,
    track_published: () => `${who} publishes ${track}`,
    track_unpublished: () => `${who} no longer publishes ${track}`,
    feature_toggled: () => `${who}: ${fields.feature} ${fields.enabled ? "on" : "off"}`,
    message_sent: () => `${who} wrote to ${fields.to_all ? "everybody" : (fields.recipients ?? []).length}`,
    permission_changed: () => permissions(who, fields),
    signaling_lost: () => `${who} lost the signaling connection`,
    signaling_resumed: () => `${who} is back`,
    guest_waiting: () => `${fields.name || who} waits to be let in`,
    guest_decided: () => `${who}: ${fields.outcome}`,
    participant_banned: () => `${who} was banned`,
    ban_lifted: () => `the ban of ${who} was lifted`,
    records_lost: () => "records were lost here",
    media_connected: () => `${who} has media`,
    encoding_changed: () => `${who} gets the encoding ${fields.rid || "–"} in slot ${fields.mid}`,
    unmute_requested: () => `${who} was asked to turn on: ${fields.source}`,
    participant_updated: () => `${who} changed what they say of themself`,
    message_delivered: () => `a message reached ${fields.to}`,
    dominant_speaker: () => (participant === null ? "nobody has the floor" : `${who} has the floor`),
    events_missed: () => "events were missed here",
  }[event];
  return { text: said ? said() : event.replaceAll("_", " "), by: fields.by && fields.by !== participant ? fields.by : "" };
}

function permissions(who, { added = [], removed = [], cause }) {
  const parts = [];
  if (!added.length && !removed.length) {
    return cause === "consent" ? `${who} consents otherwise, and may what they might` : `${who} is granted otherwise, and may what they might`;
  }
  if (added.length) parts.push(`may now ${added.join(", ")}`);
  if (removed.length) parts.push(`may no longer ${removed.join(", ")}`);
  return `${who} ${parts.join("; ")}`;
}
