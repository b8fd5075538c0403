// Who is in the receive slots when there are more people than slots: whom one looks at, and whoever speaks.

export const SLOT_LIMITS = { audio: 10, video: 25 };    // more at once nobody follows, and few machines decode

/**
 * Tells the server. `pinnedId`: the participant that the person wants large, or null. A server that doesn't know of
 * policies fills slots all the same, and one that refuses has its reasons: failures are of no consequence.
 */
export function tellSlotPolicy(request, pinnedId = null) {
  const video = pinnedId === null ? { policy: "loudest" } : { policy: "pinned", participants: [pinnedId] };
  const policies = [{ kind: "audio", policy: "loudest" }, { kind: "video", ...video }];
  for (const policy of policies) {
    request("set_slots", { ...policy, limit: SLOT_LIMITS[policy.kind] }).catch(() => {});
  }
}
