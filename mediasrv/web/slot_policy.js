// Who is in the receive slots when there are more people than slots: whom one looks at, and whoever speaks. And whether
// voices come one by one, or everybody's as one mixed sound.

export const MIX_TRACK_ID = "mix";       // what a slot shows that has the mix of the room
export const SLOT_LIMITS = { audio: 10, video: 25 };    // more at once nobody follows, and few machines decode

/**
 * Tells the server. `pinnedId`: the participant that the person wants large, or null. `mixed`: whether everybody is to be
 * one mixed sound; null: as the room says. A server that doesn't know of
 * policies fills slots all the same, and one that refuses has its reasons: failures are of no consequence.
 */
export function tellSlotPolicy(request, { pinnedId = null, mixed = null } = {}) {
  const audio = mixed ? { policy: "mix" } : { policy: "loudest", or_mix: mixed === null };
  const video = pinnedId === null ? { policy: "loudest" } : { policy: "pinned", participants: [pinnedId] };
  const policies = [{ kind: "audio", ...audio }, { kind: "video", ...video }];
  for (const policy of policies) {
    request("set_slots", { ...policy, limit: SLOT_LIMITS[policy.kind] }).catch(() => {});
  }
}
