from typing import Literal, TypedDict

class StunMessage(TypedDict):
    type: int
    transaction_id: bytes
    username: bytes | None
    priority: int | None
    use_candidate: bool
    ice_controlling: int | None
    ice_controlled: int | None
    error_code: int
    unknown_required: int
    integrity_offset: int
    fingerprint_offset: int

def parse(data: bytes) -> StunMessage: ...
def check_integrity(data: bytes, key: bytes) -> bool | None: ...
def check_fingerprint(data: bytes) -> bool | None: ...
def write_success(transaction_id: bytes, address: bytes, port: int, key: bytes, capacity: int = 256) -> bytes: ...
def write_error(
    transaction_id: bytes, code: int, reason: bytes, unknown_attribute: int, key: bytes, capacity: int = 256
) -> bytes: ...
def write_request(
    transaction_id: bytes,
    username: bytes,
    priority: int,
    controlling: bool,
    tie_breaker: int,
    use_candidate: bool,
    key: bytes,
    capacity: int = 1024,
) -> bytes: ...
def ice_username_key(data: bytes) -> int: ...
def ice_ufrag_key(ufrag: bytes) -> int: ...
def ice_answer(
    data: bytes, local_ufrag: bytes, local_pwd: bytes, address: bytes, port: int, capacity: int = 256
) -> tuple[Literal["ignored", "refused", "valid", "nominated"], bytes]: ...
