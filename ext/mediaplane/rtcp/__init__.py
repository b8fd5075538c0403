"""RTCP: reading what peers send, reports to them, feedback to publishers."""
