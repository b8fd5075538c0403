"""A WebRTC media server: rooms, calls, WHIP and WHEP over a native forwarder."""
