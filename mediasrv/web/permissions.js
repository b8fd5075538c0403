// Which permission flag (see docs/control-protocol.md) each source needs.

export const SOURCE_FLAG = { microphone: "publish_audio", camera: "publish_video", screen: "share_screen" };

/** Whether a set of flags lets the person publish a source. */
export function mayPublish(permissions, source) {
  return permissions.has(SOURCE_FLAG[source]);
}
