"""The published vectors: RFC 3711 appendix B, RFC 6188 section 7, RFC 7714 sections 16 and 17."""

from __future__ import annotations

import pytest
from mediaplane.secure.srtp import SrtpProfile
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.srtp import ReplayWindow, SrtpSession, derive
from srtp_cases import BACKENDS, ENGINES

CIPHER_KEY, AUTH_KEY, SALT = 0, 1, 2  # key derivation labels of SRTP

GCM_SALT = b"Quid pro quo"
GCM_RTP = bytes.fromhex("8040f17b 8041f8d3 5501a0b2") + b"Gallia est omnis divisa in partes tres"
GCM_RTCP = bytes.fromhex(
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61"
    "deadbeef deadbeef deadbeef deadbeef deadbeef"
)
GCM = {
    SrtpProfile.SRTP_AEAD_AES_128_GCM: (
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a"
        "51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda"
        "4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    ),
    SrtpProfile.SRTP_AEAD_AES_256_GCM: (
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02"
        "76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be"
        "8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
    ),
}
RTCP_INDEX = 0x5D4

gcm_cases = pytest.mark.parametrize("profile", list(GCM), ids=lambda profile: profile.name)
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def gcm_session(backend: str, profile: SrtpProfile) -> SrtpSession:
    size = 32 if profile == SrtpProfile.SRTP_AEAD_AES_256_GCM else 16
    return SrtpSession(ENGINES[backend], profile, bytes(range(size)), GCM_SALT, derived=True)


def test_aes_128_counter_mode_keystream() -> None:
    # RFC 3711 appendix B.2. With label 0 the key derivation is the keystream of SSRC 0 and index 0.
    keystream = derive(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), bytes(range(0xF0, 0xFE)), label=0, size=48)
    assert keystream == bytes.fromhex(
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"
    )


def test_key_derivation_with_an_aes_128_master_key() -> None:
    # RFC 3711 appendix B.3
    master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert derive(*master, CIPHER_KEY, 16) == bytes.fromhex("C61E7A93744F39EE10734AFE3FF7A087")
    assert derive(*master, SALT, 14) == bytes.fromhex("30CBBC08863D8C85D49DB34A9AE1")
    assert derive(*master, AUTH_KEY, 94) == bytes.fromhex(
        "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7227098"
        "6371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"
    )


def test_aes_256_counter_mode_keystream() -> None:
    # RFC 6188 section 7.1
    keystream = derive(
        bytes.fromhex("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98"),
        bytes(range(0xF0, 0xFE)),
        label=0,
        size=48,
    )
    assert keystream == bytes.fromhex(
        "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31"
    )


def test_key_derivation_with_an_aes_256_master_key() -> None:
    # RFC 6188 section 7.2
    master = (
        bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
        bytes.fromhex("3b04803de51ee7c96423ab5b78d2"),
    )
    assert derive(*master, CIPHER_KEY, 32) == bytes.fromhex(
        "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"
    )
    assert derive(*master, SALT, 14) == bytes.fromhex("fa31791685ca444a9e07c6c64e93")
    assert derive(*master, AUTH_KEY, 20) == bytes.fromhex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")


@every_backend
@gcm_cases
def test_gcm_packet(backend: str, profile: SrtpProfile) -> None:
    # RFC 7714 sections 16.1.1, 16.1.2, 16.2.1, 16.2.2
    engine, session = ENGINES[backend], gcm_session(backend, profile)
    sealed = bytes.fromhex(GCM[profile][0])
    for in_place in (False, True):
        assert engine.protect_batch([(session, GCM_RTP[:12], GCM_RTP[12:], 0xF17B)], in_place) == [sealed]
    assert engine.unprotect_batch([(session, ReplayWindow(), sealed, 12)]) == [(Status.OK, GCM_RTP, 0xF17B)]


@every_backend
@gcm_cases
def test_gcm_compound(backend: str, profile: SrtpProfile) -> None:
    # RFC 7714 sections 17.1 and 17.2
    engine, session = ENGINES[backend], gcm_session(backend, profile)
    sealed = bytes.fromhex(GCM[profile][1])
    assert engine.protect_rtcp(session, GCM_RTCP, RTCP_INDEX) == sealed
    window = ReplayWindow()
    assert engine.unprotect_rtcp(session, window, sealed) == GCM_RTCP
    assert window.highest_index == RTCP_INDEX


@every_backend
def test_a_compound_that_is_only_authenticated_is_refused(backend: str) -> None:
    # RFC 7714 section 17.3: valid, but the profiles of DTLS-SRTP encrypt SRTCP.
    session = gcm_session(backend, SrtpProfile.SRTP_AEAD_AES_128_GCM)
    tagged = GCM_RTCP + bytes.fromhex("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4")
    window = ReplayWindow()
    with pytest.raises(MediaPlaneError) as raised:
        ENGINES[backend].unprotect_rtcp(session, window, tagged)
    assert raised.value.status == Status.MALFORMED
    assert window.highest_index is None
