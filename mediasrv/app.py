"""The server: every part made and wired, started, and stopped in order. Nothing else wires."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
import uvloop

from mediasrv import logs, tracing
from mediasrv.addresses import advertised_addresses, bind_addresses
from mediasrv.config_check import is_loopback
from mediasrv.control.address import TcpAddress
from mediasrv.control.journal_source import DatabaseJournal
from mediasrv.control.server import ControlListenError, ControlServer
from mediasrv.control.statistics import server_statistics
from mediasrv.drain import wait_until_empty
from mediasrv.health import Health
from mediasrv.http.client_address import ClientAddresses
from mediasrv.http.metrics import MetricsEndpoint
from mediasrv.http.server import HttpServer, ListenError, page_url
from mediasrv.http.websocket import RpcSession
from mediasrv.journal.durable import DurableJournal
from mediasrv.journal.journal import Journal
from mediasrv.journal.kept_bans import KeptBans
from mediasrv.journal.settings import parse_retention
from mediasrv.journal.sinks import LogSink, Sink
from mediasrv.loop_lag import LoopLag
from mediasrv.media.native import WorkerFactory
from mediasrv.media.placement import Placement
from mediasrv.media.worker_pool import MediaSettings, WorkerPool, native_worker
from mediasrv.media_ports import port_ranges, why_not_bound
from mediasrv.metrics.server import ServerMetrics
from mediasrv.reload import RunningParts
from mediasrv.room_defaults import room_defaults
from mediasrv.room_media import RoomMedia
from mediasrv.rooms.clock import SystemClock
from mediasrv.rooms.draining import Draining
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import RoomLimits
from mediasrv.rtc.certificate import Certificate
from mediasrv.settings import Settings
from mediasrv.signaling.carriers import CarriedSession, Close, Send
from mediasrv.signaling.event_log import EventLog
from mediasrv.signaling.message_channel import open_channel
from mediasrv.signaling.services import Services
from mediasrv.signaling.session import Session
from mediasrv.signaling.statistics_shapes import ServerStatistics, WorkerStatistics
from mediasrv.signals import signals_to
from mediasrv.store.data_folder import DataFolder, DataFolderError, default_data_folder
from mediasrv.store.database import DATABASE_ERRORS, Database, DatabaseError, database_url, words
from mediasrv.tls import TlsContext, TlsError, TlsFiles
from mediasrv.tokens import TokenVerifier
from mediasrv.tracing import TracingError
from mediasrv.version import VERSION

log = structlog.get_logger("mediasrv")

YOUNG_OBJECTS = 20_000  # that are made before those that are young are searched for garbage
JOURNAL_TAKES_S = 5.0  # at the longest, before rooms are closed though their records may be lost
START_ERRORS = (ControlListenError, DataFolderError, DatabaseError, ListenError, TracingError)
WEB_FOLDER = Path(__file__).parent / "web"


class StartError(Exception):
    """The server cannot start; the text says why and what to do. `temporary`: another try may succeed."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


def run(settings: Settings, read: Callable[[], Settings]) -> str | None:
    """Serve until SIGINT or SIGTERM. Returns what failed, or None if it was told to stop. Raises `StartError`.

    `read` reads the settings anew, for SIGHUP; it raises `ConfigError`.
    """
    logs.configure(level=settings.log_level, console=settings.dev)

    def ready(line: str) -> None:
        calm_garbage_collection()
        print(line, flush=True)

    return uvloop.run(serve(settings, read=read, announce=ready))


async def serve(
    settings: Settings,
    *,
    announce: Callable[[str], None],
    read: Callable[[], Settings] | None = None,
    worker_factory: WorkerFactory = native_worker,
) -> str | None:
    """`run` on the running loop; `announce` is given the one line that says where the server is."""
    server = Server(settings, worker_factory)
    with signals_to(server, read or (lambda: server.settings)):
        await server.start()
        announce(server.ready_line)
        try:
            await server.stop_requested.wait()
        finally:
            await server.stop()
    return server.failure


def calm_garbage_collection() -> None:
    """What is there now stays there: it need not be looked at again and again. And an offer alone makes thousands of
    objects, after which a collection each would find that they are gone already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)


class Server:
    """The parts of one server. `failure` says why it stopped by itself."""

    def __init__(self, settings: Settings, worker_factory: WorkerFactory) -> None:
        self.settings = settings
        self.stop_requested = asyncio.Event()
        self.failure: str | None = None
        self.ready_line = ""
        self.draining = False
        self._running = False
        self._tasks: list[asyncio.Task[None]] = []
        certificate = Certificate.generate()
        binds = bind_addresses(settings.rtc_bind)
        media = MediaSettings(
            binds=binds,
            port=settings.rtc_port,
            workers=settings.worker_count,
            srtp_backend=settings.srtp_backend,
            max_linger_us=settings.max_linger_us,
        )
        self._pool = WorkerPool(media, certificate, worker_factory=worker_factory)
        self._pool.on_failure(self._worker_failed)
        self._binds = binds
        self._placement = Placement(self._pool.workers, settings.room_spread)
        self._media = RoomMedia(self._pool, self._placement, certificate.fingerprint)
        self._media.ips = advertised_addresses(settings.rtc_ip, binds)
        self._clock = SystemClock()
        self._rooms = RoomRegistry(
            self._media.connect,
            clock=self._clock,
            limits=RoomLimits(resume_s=settings.resume_s),
            defaults=room_defaults(settings),
            open_rooms=settings.open_rooms,
            open_channel=open_channel,
            open_mix=self._media.open_mix,
        )
        self._events = EventLog(self._clock)
        self._started_at = self._clock.time()
        self._services: Services | None = None
        self._control: ControlServer | None = None
        self._data_folder: DataFolder | None = None
        self._journal: DurableJournal | None = None
        self._bans: KeptBans | None = None
        self._verifier = TokenVerifier(settings.keys, leeway_s=settings.token_leeway_s)
        self._clients = ClientAddresses(settings.trusted_proxies)
        self._metrics = ServerMetrics(self._rooms, self._pool.workers, self._pool.mixer_counters)
        self._rooms.observe(self._metrics.rooms.observe)
        self._lag = LoopLag(self._metrics.loop_lag)
        self._health = Health(self._lag, self._pool.workers)
        self._tls = _tls("tls", settings)
        self._control_tls = _tls("control_tls", settings)
        self._parts = RunningParts(
            self._verifier,
            self._clients,
            self._rooms,
            self._placement,
            tls={"tls": self._tls, "control_tls": self._control_tls},
        )
        self._http = HttpServer(
            web_folder=WEB_FOLDER,
            rooms=self._rooms,
            verifier=self._verifier,
            open_session=self._open_session,
            checks=self._health.checks,
            warnings=self._health.warnings,
            clients=self._clients,
            tls=self._tls,
            metrics=MetricsEndpoint(self._metrics, lambda: self.settings.metrics_from, self._verifier, self._clients),
            dev_key=next(iter(settings.keys.items())) if settings.dev else None,
        )

    async def start(self) -> None:
        """Open the journal, start the media workers, then listen. Raises `StartError`; then nothing runs."""
        try:
            if self.settings.otel_endpoint:
                tracing.start(self.settings.otel_endpoint, VERSION)
            await self._open_journal()
            self._start_media()
            await self._start_control()
            address = await self._http.start(self.settings.http_address)
        except (*START_ERRORS, StartError) as error:
            if self._control is not None:
                await self._control.stop()
            self._pool.stop()
            await self._close_journal()
            await asyncio.to_thread(tracing.stop)
            if isinstance(error, StartError):
                raise
            raise StartError(str(error), temporary=getattr(error, "temporary", False)) from None
        self._running = True
        self._lag.start()
        self._tasks.append(asyncio.create_task(self._watch()))
        watched = [tls.watch() for tls in (self._tls, self._control_tls) if tls is not None]
        self._tasks += [asyncio.create_task(watch) for watch in watched]
        backend = self._pool.workers[0].native.srtp_backend
        self._metrics.started(backend)
        self._metrics.control.connections, self._metrics.control.counters = self._connections, self._control_counters
        ports = port_ranges([worker.port for worker in self._pool.workers])
        self.ready_line = (
            f"mediasrv is ready: {page_url(address, tls=self._tls is not None)} (media on UDP {ports}, srtp: {backend})"
        )
        log.info("ready", http=str(address), rtc_ip=self._media.ips, udp=ports, srtp=backend)

    async def stop(self) -> None:
        """Tell everybody, let what is said to them go out, then stop; idempotent."""
        if not self._running:
            return
        self._running = False
        self._health.stopping = "the server is stopping"
        for task in self._tasks:
            task.cancel()
        self._lag.stop()
        log.info("stopping", rooms=len(self._rooms.rooms))
        await self._close_rooms()
        await asyncio.gather(self._http.stop_sessions(), self._control.stop() if self._control else _nothing())
        await self._http.stop()
        self._pool.stop()
        await self._close_journal()
        await asyncio.to_thread(tracing.stop)  # which waits for a collector
        log.info("stopped", **{name: count for name, count in self._pool.counters().items() if count})

    async def drain(self) -> None:
        """Take nobody new, tell everybody until when they may stay, and stop when the last has left or that time has
        come."""
        settings = self.settings
        self.draining = True
        self._health.stopping = "the server is being stopped"
        until = self._clock.time() + settings.drain_s
        log.info("draining", participants=self._rooms.participants, seconds=settings.drain_s)
        self._rooms.drain(Draining(until, settings.reconnect_url))
        await wait_until_empty(self._rooms, settings.drain_s)
        log.info("drained", participants=self._rooms.participants)
        self.stop_requested.set()

    async def reload(self, settings: Settings) -> None:
        """Take over what has changed in the settings, and log what cannot be taken over."""
        before, self.settings = self.settings, await self._parts.take_over(self.settings, settings)
        if before.rtc_ip != self.settings.rtc_ip:
            self._media.ips = advertised_addresses(self.settings.rtc_ip, self._binds) or self._media.ips

    async def _watch(self) -> None:
        while True:
            self._health.watch_workers()
            await asyncio.sleep(1)

    async def _open_journal(self) -> None:
        settings = self.settings
        if settings.dev and not settings.data_dir:
            self._data_folder = DataFolder.make_temporary()
        else:
            self._data_folder = DataFolder.open(Path(settings.data_dir) if settings.data_dir else default_data_folder())
        folder = self._data_folder.path
        database = await Database.open(database_url(settings.database, folder))
        try:
            self._journal = await DurableJournal.open(
                database,
                folder,
                retention=parse_retention(settings.journal_retention),
                webhooks=settings.webhooks,
                clock=self._clock,
            )
        except BaseException:
            await database.close()
            raise
        try:
            self._bans = await KeptBans.open(self._rooms.bans, database, self._clock)
        except DATABASE_ERRORS as error:
            raise StartError(f"cannot read the bans from the database {database.name}: {words(error)}") from None
        lines = LogSink()
        for record in self._journal.recovered:
            lines.write(record)
        sinks: list[Sink] = [lines, self._journal.writer, self._events]
        self._parts.journal = self._journal
        self._parts.journal_observer = Journal(sinks, self._clock, addresses=settings.journal_addresses)
        self._rooms.observe(self._parts.journal_observer)
        self._rooms.observe(self._events.observe)
        self._services = Services(self._events, DatabaseJournal(self._journal.reader), self._statistics)
        self._health.database = database
        self._metrics.journal.statistics = self._health.statistics = self._kept_statistics

    async def _close_rooms(self) -> None:
        """As fast as the journal takes what happens then, but not slower than a disk that works."""
        waits = self._journal is not None
        for _ in self._rooms.closing():
            if self._journal is not None and waits:
                try:
                    async with asyncio.timeout(JOURNAL_TAKES_S):
                        await self._journal.writer.has_room()
                except TimeoutError:
                    waits = False

    async def _close_journal(self) -> None:
        if self._bans is not None:
            await self._bans.stop()
            self._bans = None
        if self._journal is not None:
            await self._journal.stop()
            self._journal = None
        if self._data_folder is not None:
            self._data_folder.close()
            self._data_folder = None

    async def _start_control(self) -> None:
        tls = self._control_tls.context if self._control_tls is not None else None
        self._control = ControlServer(self.settings.control_addresses, self._open_control_session, tls=tls)
        bound = await self._control.start()
        if bound:
            log.info("control", addresses=[str(address) for address in bound], tls=tls is not None)
            if any(isinstance(each, TcpAddress) and not is_loopback(each.host) for each in bound) and tls is None:
                log.warning("control sessions come in the clear: whoever can listen on that network has their tokens")

    def _start_media(self) -> None:
        if not self._media.ips:
            log.warning(
                "no address found that clients could send media to, only programs on this machine can connect: "
                "give the address of this machine with --rtc-ip"
            )
            self._media.ips = ["127.0.0.1"]
        try:
            self._pool.start()
        except OSError as error:
            raise StartError(why_not_bound(error, self._binds, self.settings)) from None
        except ImportError as error:
            raise StartError(f"the native modules are not built or do not fit ({error}); run `make build`") from None
        except ValueError as error:  # an SRTP backend that this build or this CPU lacks
            raise StartError(f"cannot start the media workers: {error}") from None

    def _open_session(self, send: Send, close: Close, address: str | None) -> RpcSession:
        verify = partial(self._verifier.verify, address=address)
        return Session(
            self._rooms,
            verify,
            send=send,
            close=close,
            address=address,
            services=self._services,
            observe=self._metrics.request,
        )

    def _open_control_session(
        self, send: Send, close: Close, address: str | None, trusted_user: str | None
    ) -> CarriedSession:
        trusted = None if trusted_user is None else self._verifier.trusted(trusted_user)
        return Session(
            self._rooms,
            partial(self._verifier.verify, address=address),
            send=send,
            close=close,
            address=address,
            services=self._services,
            trusted=trusted,
            text=False,
            observe=self._metrics.request,
        )

    def _connections(self) -> Mapping[str, int]:
        """Open control connections, by what carries them."""
        return {"websocket": self._http.connections, **(self._control.connections if self._control else {})}

    def _control_counters(self) -> Mapping[str, int]:
        return {**self._events.counters, **(self._control.counters if self._control else {})}

    def _statistics(self) -> tuple[ServerStatistics, Sequence[WorkerStatistics], Mapping[str, float]]:
        server = server_statistics(self._rooms, self._started_at, self._connections(), self._control_counters())
        workers = [
            WorkerStatistics(
                index=worker.index,
                port=worker.port,
                counters=worker.native.counters(),
                gauges=worker.native.gauges(),
            )
            for worker in self._pool.workers
        ]
        return server, workers, self._kept_statistics()

    def _kept_statistics(self) -> Mapping[str, float]:
        """Of what the database keeps."""
        parts = [part for part in (self._journal, self._bans) if part is not None]
        return {name: value for part in parts for name, value in part.statistics().items()}

    def _worker_failed(self, index: int, reason: str) -> None:
        self.failure = f"media worker {index} ended: {reason}"
        self.stop_requested.set()


async def _nothing() -> None:
    pass


def _tls(prefix: str, settings: Settings) -> TlsContext | None:
    """Of the settings that begin with `prefix`. Raises `StartError`."""
    files = TlsFiles.of(prefix, settings)
    try:
        return TlsContext(files) if files is not None else None
    except TlsError as error:
        raise StartError(str(error)) from None
