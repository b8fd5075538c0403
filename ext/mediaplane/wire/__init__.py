"""Parsers and writers of the wire formats: RTP, RTCP, STUN, and the payload headers of the video codecs."""
