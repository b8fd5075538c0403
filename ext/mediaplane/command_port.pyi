from collections.abc import Mapping, Sequence

class CommandPort:
    def create_transport(
        self,
        transport_id: int,
        *,
        ice_ufrag: bytes,
        ice_pwd: bytes,
        dtls_role: str,
        fingerprints: Sequence[tuple[str, bytes]],
        extensions: Mapping[str, int],
        data_channel: bool = False,
    ) -> None: ...
    def update_transport(
        self, transport_id: int, *, extensions: Mapping[str, int], data_channel: bool = False
    ) -> None: ...
    def restart_ice(self, transport_id: int, *, ice_ufrag: bytes, ice_pwd: bytes) -> None: ...
    def close_transport(self, transport_id: int) -> None: ...
    def send_dtls(self, transport_id: int, message: bytes) -> None: ...
    def request_stats(self, transport_id: int, token: int) -> None: ...
    def create_producer(
        self,
        transport_id: int,
        producer_id: int,
        *,
        kind: str,
        mid: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encodings: Sequence[tuple[str, int, int]],
        nack: bool,
        pli: bool,
        fir: bool,
        transport_cc: bool,
        speaker_group: int = 0,
    ) -> None: ...
    def create_piped_producer(
        self,
        producer_id: int,
        *,
        source_id: int,
        from_worker: int,
        kind: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encodings: int,
    ) -> None: ...
    def close_producer(self, producer_id: int) -> None: ...
    def gate_producer(self, producer_id: int, open: bool) -> None: ...
    def limit_producer(self, producer_id: int, bitrate_bps: int) -> None: ...
    def request_keyframe(self, producer_id: int) -> None: ...
    def refresh_speakers(self, speaker_group: int, on: bool) -> None: ...
    def create_consumer(
        self,
        transport_id: int,
        consumer_id: int,
        *,
        kind: str,
        mid: str,
        ssrc: int,
        rtx_ssrc: int,
        cname: str,
        extensions: Mapping[str, int],
        two_byte: bool,
    ) -> None: ...
    def connect_consumer(
        self, consumer_id: int, producer_id: int, payload_types: Sequence[tuple[int, int, int]]
    ) -> None: ...
    def gate_consumer(self, consumer_id: int, open: bool) -> None: ...
    def select_encoding(self, consumer_id: int, encoding: int) -> None: ...
    def close_consumer(self, consumer_id: int) -> None: ...
