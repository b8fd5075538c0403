// A client that sends a tone, listens to the mix of the room, and measures what it hears. Evaluated in a page; leaves
// `window.tonePeer` behind. With `right`, the frequency of another tone, it sends and hears both channels; with `red` it
// would rather send each packet again inside the next ones (RFC 2198).

async ({ token, frequency, policy, right = null, red = false }) => {
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
  if (right === null) {
    tone.connect(gain).connect(destination);
  } else {
    const both = new ChannelMergerNode(context, { numberOfInputs: 2 });
    const other = new OscillatorNode(context, { frequency: right });
    tone.connect(both, 0, 0);
    other.connect(both, 0, 1);
    both.connect(gain).connect(destination);
    other.start();
  }
  tone.start();
  const microphone = peer.addTransceiver(destination.stream.getAudioTracks()[0], { direction: "sendonly" });
  if (red) {
    const { codecs } = RTCRtpReceiver.getCapabilities("audio");
    const isRed = ({ mimeType }) => mimeType === "audio/red";
    microphone.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))]);
  }
  const receiver = peer.addTransceiver("audio", { direction: "recvonly" }).receiver;
  const analysers = [0, 1].map(() => new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 }));
  const [analyser] = analysers;
  const heard = new MediaStream([receiver.track]);
  // A remote track gives sound to the graph only while an element plays it, too.
  Object.assign(new Audio(), { srcObject: heard, muted: true }).play();
  const source = context.createMediaStreamSource(heard);
  const { type, sdp } = await peer.createOffer();
  if (right === null) {
    source.connect(analyser);
    await peer.setLocalDescription({ type, sdp });
  } else {
    const channels = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    source.connect(channels);
    analysers.forEach((each, channel) => channels.connect(each, channel));
    await peer.setLocalDescription({ type, sdp: sdp.replace(/useinbandfec=1/g, "useinbandfec=1;stereo=1") });
  }
  const answer = await request("offer", { sdp: peer.localDescription.sdp });
  Object.assign(slots, answer.slots);
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.tonePeer = {
    request, slots,
    trackId: answer.tracks[microphone.mid],
    // The strongest within 10 Hz, in dB of full scale.
    strength: (wanted, channel = 0) => {
      analysers[channel].getFloatFrequencyData(bins);
      const bin = Math.round(wanted * analyser.fftSize / context.sampleRate);
      return Math.max(-200, ...bins.slice(bin - 3, bin + 4));
    },
    hears: (wanted, channel) => window.tonePeer.strength(wanted, channel) > -45,
    isDeafTo: (wanted, channel) => window.tonePeer.strength(wanted, channel) < -75,
  };
}
