"""The native media plane: a WebRTC forwarder that holds no lock and never takes the GIL on the packet path."""
