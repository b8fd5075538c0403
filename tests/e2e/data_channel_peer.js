// A client that joins over /rpc and talks over a data channel. Evaluated in a page; leaves `window.channelPeer` behind.

async ({ token, options, media }) => {
  const overSignaling = [];
  const told = (method, params) => {
    if (method === "message") overSignaling.push(params.text);
  };
  const { socket, request, joined } = await joinOverRpc(token, told);
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  if (media) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  }
  const channel = peer.createDataChannel("messages", options);
  const overChannel = [];
  const replies = new Map();
  const take = ({ data }) => {
    const [kind, second, third, fourth] = JSON.parse(data);
    if (kind === 2 && second === "message") overChannel.push(third.text);
    if (kind === 1) replies.get(second)?.({ error: third, result: fourth });
  };
  channel.addEventListener("message", take);
  const negotiate = async () => {
    await peer.setLocalDescription(await peer.createOffer());
    const { sdp, refused } = await request("offer", { sdp: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: "answer", sdp });
    return refused;
  };
  const refused = await negotiate();
  if (channel.readyState !== "open") await new Promise((resolve) => channel.addEventListener("open", resolve));

  let lastChannelId = 0;
  window.channelPeer = {
    peer, channel, overChannel, overSignaling, request, negotiate, socket,
    // Resolves with {error, result}.
    send: (params) => new Promise((resolve) => {
      const id = ++lastChannelId;
      replies.set(id, resolve);
      channel.send(JSON.stringify([0, id, "send_message", params]));
    }),
  };
  return { id: joined.participant_id, refused, maxMessageSize: peer.sctp.maxMessageSize };
}
