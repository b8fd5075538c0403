from enum import IntEnum

class SrtpProfile(IntEnum):
    """DTLS-SRTP protection profiles (RFC 5764 section 4.1.2, RFC 7714 section 14.2)."""

    SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001
    SRTP_AEAD_AES_128_GCM = 0x0007
    SRTP_AEAD_AES_256_GCM = 0x0008

class SrtpBackend(IntEnum):
    SRTP_BACKEND_AUTO = 0
    SRTP_BACKEND_LIBCRYPTO = 1
    SRTP_BACKEND_IPSEC_MB = 2

def available_backends() -> list[str]:
    """The names of the back ends that engines can be made with, fastest first ("ipsec-mb", "libcrypto").

    The first call looks for intel-ipsec-mb; `SRTP_BACKEND_AUTO` means the first name of the list from then on.
    """
