"""WebRTC negotiation: SDP, capabilities, and the peer connection that turns an offer into transports and tracks."""
