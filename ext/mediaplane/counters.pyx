"""Names of the counters, in the order of the enum."""

COUNTER_NAMES = (
    "datagrams_received", "bytes_received", "datagrams_sent", "bytes_sent", "send_calls", "send_runs",
    "rtp_received", "rtp_forwarded", "rtcp_received", "rtcp_sent", "rtx_received", "rtx_sent",
    "nack_sent", "nack_received", "nack_unanswered", "pli_sent", "fir_sent", "pli_received", "fir_received",
    "encoding_switches", "stun_requests", "dtls_handshakes", "tuple_switches",
    "pipe_packets_sent", "pipe_packets_received",
    "drop_oversized", "drop_unknown_protocol", "drop_unknown_tuple", "drop_stun_malformed",
    "drop_stun_unauthenticated", "drop_stun_refused", "drop_dtls", "drop_data_flood", "drop_handshake_full",
    "drop_not_connected", "drop_rtp_malformed", "drop_rtcp_malformed", "drop_unknown_ssrc",
    "drop_unknown_payload_type", "drop_ssrc_limit", "drop_srtp_auth", "drop_srtp_replayed", "drop_duplicate",
    "drop_gated", "drop_over_bitrate", "drop_not_cached", "drop_padding", "drop_seal", "drop_pipe_full",
    "drop_egress_full", "drop_send_blocked", "drop_send_error",
    "commands", "commands_stale", "commands_refused", "events_lost", "loops",
)

if len(COUNTER_NAMES) != COUNTER_COUNT:
    raise ImportError(f"{len(COUNTER_NAMES)} counter names for {COUNTER_COUNT} counters")


cdef dict counters_to_python(const counters_t *counters):
    cdef int i
    return {COUNTER_NAMES[i]: counters.values[i] for i in range(COUNTER_COUNT)}
