// Who is in the room and what they publish, as the server tells it. The records are the protocol's own.

export const FEATURE_SOURCE = { microphone: "microphone", camera: "camera", screen_share: "screen" };

/** A participant is {id, identity, name, joined_at, tracks: Map of track id -> track}. */
export class Roster {
  #participants = new Map();

  [Symbol.iterator]() {
    return this.#participants.values();
  }

  get size() {
    return this.#participants.size;
  }

  get(participantId) {
    return this.#participants.get(participantId);
  }

  reset(participants) {
    this.#participants.clear();
    for (const participant of participants) this.add(participant);
  }

  add(participant) {
    const tracks = new Map((participant.tracks ?? []).map((track) => [track.id, track]));
    const added = { ...participant, name: participant.name || participant.identity, tracks };
    this.#participants.set(added.id, added);
    return added;
  }

  /** Takes over a participant's name, metadata and attributes; its tracks are told of one by one. */
  update({ id, name, metadata, attributes }) {
    const participant = this.#participants.get(id);
    if (participant) Object.assign(participant, { name: name || participant.identity, metadata, attributes });
  }

  /** The participant that was removed, or undefined. */
  remove(participantId) {
    const participant = this.#participants.get(participantId);
    this.#participants.delete(participantId);
    return participant;
  }

  publish(track) {
    this.#participants.get(track.participant_id)?.tracks.set(track.id, track);
  }

  unpublish(participantId, trackId) {
    this.#participants.get(participantId)?.tracks.delete(trackId);
  }

  toggle(participantId, trackId, feature, enabled) {
    const participant = this.#participants.get(participantId);
    if (!participant) return;
    const track = participant.tracks.get(trackId) ?? trackOf(participant, FEATURE_SOURCE[feature]);
    if (track) track.muted = !enabled;
  }
}

const KIND = { microphone: "audio", camera: "video", screen: "video" };

/** The participant's track of a source (`microphone`, `camera`, `screen`: the picture, not its sound), or undefined. */
export function trackOf(participant, source) {
  for (const track of participant.tracks.values()) {
    if (track.source === source && track.kind === KIND[source]) return track;
  }
  return undefined;
}

/** Whether the participant's source is published and not muted. */
export function isLive(participant, source) {
  const track = trackOf(participant, source);
  return track !== undefined && !track.muted;
}
