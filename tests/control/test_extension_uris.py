"""Header extensions are called the same on both sides of the Python boundary."""

from __future__ import annotations

import pytest

from mediasrv.rtc.capabilities import PUBLISHER_EXTENSIONS


def test_the_media_plane_knows_every_negotiated_extension() -> None:
    native = pytest.importorskip("mediaplane.wire.rtp_extensions", reason="the native package is not built")
    assert native.EXTENSION_URIS.keys() >= PUBLISHER_EXTENSIONS
