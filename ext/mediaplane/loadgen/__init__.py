"""Synthetic WebRTC peers on one native thread: they load a server and check every packet that it forwards."""
