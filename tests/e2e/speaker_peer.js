// A client that publishes a tone and a camera, and may have receive slots. Evaluated in a page; leaves
// `window.speakerPeer` behind, whose `speak(on)` makes the tone heard.

async ({ token, audioSlots, videoSlots, policy }) => {
  const told = { dominant: [], slots: {}, offers: 0 };
  const hear = (method, params) => {
    if (method === "dominant_speaker") told.dominant.push(params.participant_id);
    if (method === "slots_changed") Object.assign(told.slots, params.slots);
  };
  const { request, joined } = await joinOverRpc(token, hear);
  for (const kind of ["audio", "video"]) if (policy) await request("set_slots", { kind, policy });
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const context = new AudioContext();
  await context.resume();
  const tone = new OscillatorNode(context, { frequency: 330 });
  const gain = new GainNode(context, { gain: 0 });
  const destination = new MediaStreamAudioDestinationNode(context);
  tone.connect(gain).connect(destination);
  tone.start();
  peer.addTransceiver(destination.stream.getAudioTracks()[0], { direction: "sendonly" });
  const camera = (await navigator.mediaDevices.getUserMedia({ video: true })).getVideoTracks()[0];
  peer.addTransceiver(camera, { direction: "sendonly" });
  for (let slot = 0; slot < audioSlots; slot++) peer.addTransceiver("audio", { direction: "recvonly" });
  for (let slot = 0; slot < videoSlots; slot++) peer.addTransceiver("video", { direction: "recvonly" });
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await request("offer", { sdp: peer.localDescription.sdp });
  told.offers += 1;
  Object.assign(told.slots, answer.slots);
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  window.speakerPeer = {
    peer, told, request, id: joined.participant_id,
    speak: (on) => gain.gain.setValueAtTime(on ? 0.5 : 0, context.currentTime),
    shows: (kind) => peer.getTransceivers().filter(({ mid, receiver }) => mid in told.slots && receiver.track.kind === kind)
      .map(({ mid }) => told.slots[mid]?.participant_id ?? null),
    decoded: async (kind) => [...(await peer.getStats()).values()]
      .filter(({ type, kind: of }) => type === "inbound-rtp" && of === kind)
      .reduce((sum, { framesDecoded = 0, packetsReceived }) => sum + (kind === "video" ? framesDecoded : packetsReceived), 0),
  };
  return joined.participant_id;
}
