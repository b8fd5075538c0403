"""What can be set: each setting with its type, its default and what it means. `mediasrv.config` reads them."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediasrv import host_port
from mediasrv.control.address import ControlAddress, parse_address
from mediasrv.host_port import HostPort
from mediasrv.journal.settings import Addresses, Webhook
from mediasrv.rooms.settings import (
    BITRATE_MAX_BPS,
    CAPACITY_MAX,
    HISTORY_MAX_MESSAGES,
    IDLE_MAX_S,
    MIX_BOUNDS,
    RoomSettings,
)

DEV_KEY = "devkey"
DEV_SECRET = "devsecret-devsecret-devsecret-32"
MAX_WORKERS = 63  # the media plane joins 64 by pipes, of which one mixes

# Never shown, not even when they are wrong: a secret must not reach a terminal or a log.
SECRET_SETTINGS = frozenset({"database", "keys", "webhooks"})

LogLevel = Literal["debug", "info", "warning", "error"]
SrtpBackend = Literal["auto", "ipsec-mb", "libcrypto"]

ROOM = RoomSettings()


def _of_mix(name: str, meaning: str) -> Meta:
    least, most = MIX_BOUNDS[name]
    return Meta(ge=least, le=most, description=meaning)


class ConfigError(Exception):
    """A setting that the server cannot start with; the text names the setting, its source and what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the server runs with. The descriptions are what `mediasrv config` shows."""

    http: Annotated[str, Meta(description="Address and port of pages, /rpc, WHIP and WHEP.")] = "127.0.0.1:8080"
    tls_cert: Annotated[
        str, Meta(description="PEM file with the certificate and its chain, for https; empty: plain http.")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file with its private key; empty: it is in tls_cert too.")] = ""
    control: Annotated[
        tuple[str, ...],
        Meta(description="Where programs reach the control protocol besides /rpc: unix:PATH or tcp:HOST:PORT."),
    ] = ()
    control_tls_cert: Annotated[
        str, Meta(description="PEM file with the certificate and its chain, for tcp:; empty: without TLS.")
    ] = ""
    control_tls_key: Annotated[str, Meta(description="PEM file with its private key.")] = ""
    control_plaintext: Annotated[
        bool, Meta(description="Whether tcp: may do without TLS at addresses that are not loopback.")
    ] = False
    rtc_ip: Annotated[
        tuple[str, ...],
        Meta(description="Addresses that clients send media to; empty: those of the interfaces with a default route."),
    ] = ()
    rtc_bind: Annotated[
        tuple[str, ...], Meta(description="Addresses to bind for media; empty: all, or loopback with dev.")
    ] = ()
    rtc_port: Annotated[
        int, Meta(ge=0, le=65535, description="UDP port of the first worker, the next ones follow; 0: any free ports.")
    ] = 7882
    workers: Annotated[
        int, Meta(ge=0, le=MAX_WORKERS, description="Media threads; 0: one for each CPU this process may use.")
    ] = 0
    room_spread: Annotated[
        int, Meta(ge=1, description="Peer connections that a room has on one worker before others go to the next.")
    ] = 200
    dev: Annotated[bool, Meta(description="Development: known key, console logs, loopback only.")] = False
    keys: Annotated[dict[str, str], Meta(description="Secrets that tokens are signed with, by key id.")] = {}
    token_leeway_s: Annotated[
        float, Meta(ge=0, le=3600, description="By how many seconds the clocks of those who make tokens may be wrong.")
    ] = 10.0
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Addresses and networks of proxies whose X-Forwarded-For is believed.")
    ] = ("127.0.0.0/8", "::1")
    open_rooms: Annotated[
        bool, Meta(description="Whether a room opens when somebody joins it; else only control sessions create rooms.")
    ] = True
    # Those of a room, called as `create_room` calls them, behind `room_`: see mediasrv/room_defaults.py.
    room_capacity: Annotated[
        int, Meta(ge=1, le=CAPACITY_MAX, description="How many participants a room has at most.")
    ] = ROOM.capacity
    room_default_permissions: Annotated[
        tuple[str, ...], Meta(description="Flags of everybody whose token does not say otherwise.")
    ] = ()
    room_lobby: Annotated[bool, Meta(description="Whether moderators let people in one by one.")] = ROOM.lobby
    room_locked: Annotated[bool, Meta(description="Whether nobody comes in but moderators.")] = ROOM.locked
    room_codecs: Annotated[
        tuple[str, ...],
        Meta(description="Codecs that are negotiated; of a kind of which none is named, all that there are."),
    ] = ROOM.codecs
    room_track_bitrate_bps: Annotated[
        int, Meta(ge=0, le=BITRATE_MAX_BPS, description="What publishers may send at most on each track; 0: no bound.")
    ] = 0
    room_idle_s: Annotated[
        float,
        Meta(ge=0, le=IDLE_MAX_S, description="For how many seconds a room stays open with nobody in it."),
    ] = ROOM.idle_s
    room_history: Annotated[
        int,
        Meta(ge=0, le=HISTORY_MAX_MESSAGES, description="How many messages a room keeps for those who come later."),
    ] = ROOM.history
    room_mix_above: Annotated[
        int, Meta(ge=0, le=CAPACITY_MAX, description="With more people than that a room is heard as a mix; 0: never.")
    ] = 0
    room_mix_channels: Annotated[int, _of_mix("channels", "Channels of a mix: 1 mono, 2 stereo.")] = ROOM.mix.channels
    room_mix_talkers: Annotated[int, _of_mix("talkers", "How many are heard at once in a mix, the loudest.")] = (
        ROOM.mix.talkers
    )
    room_mix_bitrate_bps: Annotated[int, _of_mix("bitrate_bps", "Bit rate of a mix, of Opus.")] = ROOM.mix.bitrate_bps
    room_mix_complexity: Annotated[
        int, _of_mix("complexity", "How hard Opus tries, from 0 to 10: less costs less CPU.")
    ] = ROOM.mix.complexity
    room_mix_fec: Annotated[
        bool, Meta(description="Whether a mix has in-band FEC, for listeners who lose packets.")
    ] = ROOM.mix.fec
    room_mix_dtx: Annotated[bool, Meta(description="Whether next to nothing of a mix is sent while nobody speaks.")] = (
        ROOM.mix.dtx
    )
    room_mix_expected_loss: Annotated[
        int, _of_mix("expected_loss", "Loss of packets, in percent, for which FEC is made.")
    ] = ROOM.mix.expected_loss
    resume_s: Annotated[
        float,
        Meta(ge=0, le=3600, description="For how many seconds a session can be resumed that lost its connection."),
    ] = 30.0
    drain_s: Annotated[
        float,
        Meta(ge=0, le=86400, description="How many seconds calls may go on after SIGTERM, while nobody new comes in."),
    ] = 30.0
    reconnect_url: Annotated[
        str, Meta(description="Where those in a call are told to go when the server is being stopped; empty: nowhere.")
    ] = ""
    data_dir: Annotated[
        str, Meta(description="Folder for what is kept; empty: systemd's, else ~/.local/state/mediasrv.")
    ] = ""
    database: Annotated[str, Meta(description="sqlite:PATH or postgresql://…; empty: SQLite in data_dir.")] = ""
    journal_retention: Annotated[
        dict[str, str], Meta(description='How long the journal keeps what, by event, field, "personal" or "default".')
    ] = {}
    journal_addresses: Annotated[
        Addresses, Meta(description="What the journal keeps of IP addresses: truncated, full or none.")
    ] = "truncated"
    webhooks: Annotated[tuple[Webhook, ...], Meta(description="Receivers of the journal's records.")] = ()
    metrics_from: Annotated[
        tuple[str, ...],
        Meta(description="Addresses and networks that may read /metrics; others need an admin token."),
    ] = ("127.0.0.0/8", "::1")
    otel_endpoint: Annotated[
        str, Meta(description="URL of an OTLP/HTTP collector for traces of signaling; empty: no traces.")
    ] = ""
    log_level: Annotated[LogLevel, Meta(description="debug, info, warning or error.")] = "info"
    srtp_backend: Annotated[
        SrtpBackend, Meta(description="What encrypts packets: ipsec-mb, libcrypto, or auto for the faster one.")
    ] = "auto"
    max_linger_us: Annotated[
        int,
        Meta(ge=0, le=20_000, description="How long a loaded worker waits at most for more packets; 0: never."),
    ] = 2000

    @property
    def http_address(self) -> HostPort:
        return parse_host_port(self.http)

    @property
    def control_addresses(self) -> tuple[ControlAddress, ...]:
        return tuple(map(parse_address, self.control))

    @property
    def worker_count(self) -> int:
        return self.workers or min(len(os.sched_getaffinity(0)), MAX_WORKERS)


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def description(name: str) -> str:
    """What a setting means, in one sentence."""
    return next(meta.description or "" for meta in FIELDS[name].type.__metadata__ if isinstance(meta, Meta))


def parse_host_port(text: str) -> HostPort:
    """Raises `ConfigError`."""
    try:
        return host_port.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None
