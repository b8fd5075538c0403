// A client that sends a tone, listens to the mix of the room, and measures what it hears. Evaluated in a page; leaves
// `window.tonePeer` behind.

async ({ token, frequency, policy }) => {
  const slots = {};
  const told = (method, params) => {
    if (method === "slots_changed") Object.assign(slots, params.slots);
  };
  const { request } = await joinOverRpc(token, told);
  await request("set_slots", { kind: "audio", policy });
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const tone = new OscillatorNode(context, { frequency });
  const gain = new GainNode(context, { gain: 0.3 });
  const destination = new MediaStreamAudioDestinationNode(context);
  tone.connect(gain).connect(destination);
  tone.start();
  const microphone = peer.addTransceiver(destination.stream.getAudioTracks()[0], { direction: "sendonly" });
  const receiver = peer.addTransceiver("audio", { direction: "recvonly" }).receiver;
  const analyser = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
  const heard = new MediaStream([receiver.track]);
  // A remote track gives sound to the graph only while an element plays it, too.
  Object.assign(new Audio(), { srcObject: heard, muted: true }).play();
  context.createMediaStreamSource(heard).connect(analyser);
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await request("offer", { sdp: peer.localDescription.sdp });
  Object.assign(slots, answer.slots);
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.tonePeer = {
    request, slots,
    trackId: answer.tracks[microphone.mid],
    // The strongest within 10 Hz, in dB of full scale.
    strength: (wanted) => {
      analyser.getFloatFrequencyData(bins);
      const bin = Math.round(wanted * analyser.fftSize / context.sampleRate);
      return Math.max(-200, ...bins.slice(bin - 3, bin + 4));
    },
    hears: (wanted) => window.tonePeer.strength(wanted) > -45,
    isDeafTo: (wanted) => window.tonePeer.strength(wanted) < -75,
  };
}
