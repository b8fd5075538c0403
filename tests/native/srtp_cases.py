"""What the SRTP tests share: profiles, back ends, keys and packets."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pylibsrtp
from hypothesis import strategies as st
from mediaplane.secure.srtp import SrtpProfile, available_backends
from mediaplane.testing.srtp import SrtpEngine, SrtpSession

BACKENDS = available_backends()
ENGINES = {name: SrtpEngine(name) for name in BACKENDS}


@dataclass(frozen=True)
class Profile:
    number: SrtpProfile
    libsrtp: int
    key_size: int
    salt_size: int
    tag_size: int


PROFILES = [
    Profile(SrtpProfile.SRTP_AES128_CM_HMAC_SHA1_80, pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14, 10),
    Profile(SrtpProfile.SRTP_AEAD_AES_128_GCM, pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12, 16),
    Profile(SrtpProfile.SRTP_AEAD_AES_256_GCM, pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12, 16),
]


def profile_name(profile: Profile) -> str:
    return profile.number.name


@dataclass(frozen=True)
class Keys:
    """A master key and salt; the same seed always gives the same."""

    profile: Profile
    seed: int = 0

    @property
    def key(self) -> bytes:
        return random.Random(f"key {self.seed}").randbytes(self.profile.key_size)

    @property
    def salt(self) -> bytes:
        return random.Random(f"salt {self.seed}").randbytes(self.profile.salt_size)

    def session(self, backend: str) -> SrtpSession:
        return SrtpSession(ENGINES[backend], self.profile.number, self.key, self.salt)

    def libsrtp(self, direction: int, window_size: int = 1024) -> pylibsrtp.Session:
        """A session of libsrtp; `direction` is SSRC_ANY_INBOUND or SSRC_ANY_OUTBOUND."""
        policy = pylibsrtp.Policy(key=self.key + self.salt, ssrc_type=direction, srtp_profile=self.profile.libsrtp)
        policy.window_size = window_size
        return pylibsrtp.Session(policy)


def rtp_header(seq16: int, ssrc: int = 0xCAFEBABE, csrcs: int = 0, extension_words: int | None = None) -> bytes:
    first = 0x80 | csrcs | (0x10 if extension_words is not None else 0)
    header = struct.pack(">BBHII", first, 0x80 | 96, seq16, 0x12345678, ssrc)
    header += b"".join(struct.pack(">I", 0xC0C0_0000 + n) for n in range(csrcs))
    if extension_words is not None:
        header += struct.pack(">HH", 0xBEDE, extension_words) + bytes(range(4 * extension_words))
    return header


def payload_of(size: int, seed: int = 0) -> bytes:
    return random.Random(f"payload {seed}").randbytes(size)


headers = st.builds(
    rtp_header,
    seq16=st.integers(0, 0xFFFF),
    ssrc=st.integers(0, 0xFFFF_FFFF),
    csrcs=st.integers(0, 15),
    extension_words=st.none() | st.integers(0, 40),
)
payloads = st.builds(payload_of, size=st.integers(0, 1300), seed=st.integers(0, 3))
