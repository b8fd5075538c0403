// A player as its protocol's draft has it, in any page: offers to receive, and POSTs that. Resolves with the session.

async ({ url, token }) => {
  const peer = window.player = new RTCPeerConnection();
  for (const kind of ["audio", "video"]) peer.addTransceiver(kind, { direction: "recvonly" });
  peer.addEventListener("track", ({ track }) => {
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
  });
  await peer.setLocalDescription(await peer.createOffer());
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: peer.localDescription.sdp,
  });
  const body = await response.text();
  if (response.status === 201) await peer.setRemoteDescription({ type: "answer", sdp: body });
  return { status: response.status, location: response.headers.get("Location"), body };
}
