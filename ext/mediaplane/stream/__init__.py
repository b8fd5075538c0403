"""RTP streams: what comes in (producer), what goes out (consumer), and the pure mappings between them."""
