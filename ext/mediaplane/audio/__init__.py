"""Audio that is decoded here: jitter buffer, Opus, time-stretching."""
