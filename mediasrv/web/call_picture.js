// From the facts of a call to what the grid, the list and the speakers show. Reads, and changes nothing.

import { actionsFor } from "./moderation.js";
import { isLive, trackOf } from "./roster.js";

/** Those of longest standing first, oneself last. */
export function everyone(call) {
  const others = [...call.roster].filter(({ id }) => id !== call.participantId);
  return call.me ? [...others, call.me] : others;
}

/** What Grid.render() takes, with {mid, trackId, rids} where a receive slot is behind the picture. */
export function tileViews(call, media, speakingIds) {
  const midOf = midsByTrack(call);
  const views = [];
  for (const participant of everyone(call)) {
    const isMe = participant.id === call.participantId;
    const about = {
      id: participant.id, name: participant.name, isMe, isSpeaking: speakingIds.has(participant.id),
      isDominant: participant.id === call.dominantId && call.roster.size > 2,     // of two it is no news who it is
    };
    const isMuted = isMe ? !media.isOn("microphone") : !isLive(participant, "microphone");
    const camera = isMe ? { track: media.track("camera") } : received(call, midOf, participant, "camera");
    const label = labelOf(participant, isMe);
    views.push({ ...about, ...camera, key: participant.id, label, isScreen: false, isMuted });
    if (isMe) continue;     // one's own screen is in front of one already
    const screen = received(call, midOf, participant, "screen");
    if (screen.trackId === null) continue;
    const key = `${participant.id}/screen`;
    views.push({ ...about, ...screen, key, label: `${participant.name}'s screen`, isScreen: true, isMuted: false,
      isDominant: false });
  }
  return views;
}

/** What ParticipantList.render() takes: oneself first. */
export function people(call, media, speakingIds) {
  const others = everyone(call).filter((participant) => participant !== call.me);
  return [...(call.me ? [call.me] : []), ...others].map((participant) => {
    const isMe = participant.id === call.participantId;
    const isOn = (source) => (isMe ? media.isOn(source) : isLive(participant, source));
    return {
      id: participant.id, name: participant.name, label: labelOf(participant, isMe),
      isMuted: !isOn("microphone"), hasCamera: isOn("camera"), sharesScreen: isOn("screen"),
      isSpeaking: speakingIds.has(participant.id),
      actions: call.isModerator && !isMe ? actionsFor(participant) : [],
    };
  });
}

/** Map of mid -> MediaStreamTrack for the audio slots in use. */
export function audioTracks(call) {
  const tracks = new Map();
  for (const [mid, shown] of call.slots) {
    const track = shown && call.receivedTrack(mid);
    if (track?.kind === "audio") tracks.set(mid, track);
  }
  return tracks;
}

function received(call, midOf, participant, source) {
  const published = trackOf(participant, source);
  const mid = published && midOf.get(published.id);
  const isShown = mid !== undefined && !published.muted;
  return {
    trackId: published?.id ?? null, mid: mid ?? null, rids: published?.encodings ?? [],
    track: isShown ? call.receivedTrack(mid) : null,
  };
}

function midsByTrack(call) {
  const mids = new Map();
  for (const [mid, shown] of call.slots) if (shown) mids.set(shown.track_id, mid);
  return mids;
}

function labelOf(participant, isMe) {
  return isMe ? `${participant.name} (you)` : participant.name;
}
