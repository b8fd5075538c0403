from collections.abc import Mapping

from mediaplane.wire.rtp_extensions import ExtensionKind

class RtpRewriteBench:
    def __init__(
        self, packet: bytes, kind_by_id: Mapping[int, ExtensionKind], id_by_kind: Mapping[ExtensionKind, int]
    ) -> None: ...
    def parse(self, rounds: int) -> int: ...
    def rewrite(self, rounds: int) -> bytes: ...
