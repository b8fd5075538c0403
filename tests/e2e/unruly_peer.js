// A client that does not do what it was told: it sends whatever the answer says.
// Evaluated in a page; resolves with what was published, what was refused, and how many packets went out.

async ({ token, sources, alter, mute, packets }) => {
  const { socket, request } = await joinOverRpc(token);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const peer = window.unrulyPeer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  window.unrulySocket = socket;
  for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  await peer.setLocalDescription(await peer.createOffer());
  const tracks = Object.fromEntries(peer.getTransceivers().map(({ mid, sender }) => [mid, { source: sources[sender.track.kind] }]));
  const answer = await request("offer", { sdp: peer.localDescription.sdp, tracks });
  // What the server answered as inactive is taken as accepted.
  const sdp = alter ? answer.sdp.replaceAll("a=inactive", "a=recvonly") : answer.sdp;
  await peer.setRemoteDescription({ type: "answer", sdp });
  if (mute) for (const id of Object.values(answer.tracks)) await request("mute", { track_id: id });

  const sent = async () => {
    const entries = [...(await peer.getStats()).values()].filter(({ type }) => type === "outbound-rtp");
    return Object.fromEntries(entries.map(({ kind, packetsSent }) => [kind, packetsSent]));
  };
  const first = await sent();
  const due = (now) => ["audio", "video"].every((kind) => (now[kind] ?? 0) >= (first[kind] ?? 0) + packets);
  for (let left = 200; left > 0 && !due(await sent()); left--) await new Promise((resolve) => setTimeout(resolve, 100));
  return { published: answer.tracks, refused: answer.refused, tracks, sent: await sent(), sdp };
}
