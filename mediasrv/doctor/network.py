"""Ports, addresses, and what the kernel does for UDP."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterator

from mediasrv.config_check import is_loopback
from mediasrv.control.address import TcpAddress
from mediasrv.doctor.finding import Finding, error, note, ok, warning
from mediasrv.doctor.machine import CAP_NET_ADMIN, Machine, Transport
from mediasrv.media_ports import port_ranges
from mediasrv.settings import Settings

WANTED_BUFFER_BYTES = 8 << 20
# RFC 1918, RFC 6598 (what carriers give to many customers behind one address), RFC 4193.
PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
CONTAINER_INTERFACES = ("docker", "br-", "podman", "cni", "lxc", "virbr")
CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")


def check_ports(settings: Settings, machine: Machine) -> Iterator[Finding]:
    address = settings.http_address
    if address.port:
        yield _port(machine, "http_port", "tcp", [address.host], [address.port], "--http HOST:PORT")
    for each in settings.control_addresses:
        if isinstance(each, TcpAddress) and each.port:
            yield _port(machine, "control_port", "tcp", [each.host], [each.port], "--control tcp:HOST:PORT")
    if settings.rtc_port:
        ports = list(range(settings.rtc_port, settings.rtc_port + settings.worker_count))
        yield _port(machine, "media_ports", "udp", machine.binds(settings.rtc_bind), ports, "--rtc-port PORT")


def _port(
    machine: Machine, check: str, transport: Transport, hosts: list[str], ports: list[int], option: str
) -> Finding:
    kind = transport.upper()
    for host in hosts:
        for port in ports:
            problem = machine.bind(transport, host, port)
            if problem is None:
                continue
            if problem.errno == errno.EADDRINUSE:
                user = machine.user_of(transport, port)
                if user is not None and "mediasrv" in user[0]:
                    return note(check, f"{kind} port {port} is in use by a running mediasrv (process {user[1]})")
                who = f"by '{user[0][:80]}' (process {user[1]})" if user else "by a process that only root can see"
                remedy = f"stop it, or choose another port with {option}"
                return error(check, f"{kind} port {port} is in use {who}", remedy)
            if problem.errno == errno.EACCES:
                remedy = f"choose a port from 1024 on with {option}, or give the service CAP_NET_BIND_SERVICE"
                return error(check, f"{kind} port {port} needs privileges", remedy)
            remedy = "choose an address of this machine with --http or --rtc-bind"
            return error(check, f"{kind} {host} port {port} cannot be had: {problem.strerror or problem}", remedy)
    return ok(check, f"{kind} {port_ranges(ports)} can be had on {', '.join(hosts)}")


def check_addresses(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """What clients are told to send media to."""
    binds = machine.binds(settings.rtc_bind)
    told = machine.advertised(settings.rtc_ip, binds)
    if not told:
        yield error("addresses", "no address was found that clients could send media to", _give_one())
    owners = {ip: name for name, addresses in machine.interfaces().items() for ip in addresses}
    for text in told:
        yield _address(settings, machine, text, owners.get(text))


def _address(settings: Settings, machine: Machine, text: str, interface: str | None) -> Finding:
    ip = ipaddress.ip_address(text)
    on = f" (of {interface})" if interface else ""
    if ip.is_loopback:
        if settings.dev:
            return ok("addresses", f"{text}: this machine alone, as --dev wants it")
        return error("addresses", f"{text} is loopback: only programs on this machine can send media", _give_one())
    if ip.is_link_local:
        return error("addresses", f"{text}{on} is link-local: it means nothing to clients elsewhere", _give_one())
    private = any(ip in network for network in PRIVATE)
    if private and interface is not None and any(machine.exists(path) for path in CONTAINER_FILES):
        return error(
            "addresses",
            f"{text}{on} is the container's own: clients outside cannot reach it",
            "run the container with the host's network (--network host), or give the host's address with --rtc-ip "
            "and publish the UDP ports",
        )
    if interface is not None and interface.startswith(CONTAINER_INTERFACES):
        return warning("addresses", f"{text}{on} is a bridge to containers on this machine", _give_one())
    if private:
        ports = f"UDP {settings.rtc_port} and up" if settings.rtc_port else "the UDP ports"
        return warning(
            "addresses",
            f"{text}{on} is private: clients outside this network cannot send to it",
            f"if they shall: --rtc-ip PUBLIC-ADDRESS, and have the router or cloud firewall pass {ports} on",
        )
    if interface is None:
        return note(
            "addresses",
            f"{text} is none of this machine's addresses, as behind NAT",
            f"see that UDP {_media_ports(settings)} to it reach this machine",
        )
    return ok("addresses", f"{text}{on}")


def _media_ports(settings: Settings) -> str:
    return port_ranges(list(range(settings.rtc_port, settings.rtc_port + settings.worker_count)))


def _give_one() -> str:
    return "give an address that clients can reach with --rtc-ip IP"


def check_https(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """Browsers give a page the camera only over https, or on localhost."""
    host = settings.http_address.host
    if settings.tls_cert or is_loopback(host):
        return
    yield warning(
        "https",
        f"pages are served on {host} without TLS: browsers give them neither camera nor microphone",
        "set tls_cert and tls_key, or listen on 127.0.0.1 behind a reverse proxy with TLS",
    )


def check_buffers(_settings: Settings, machine: Machine) -> Iterator[Finding]:
    small = {}
    for name in ("rmem_max", "wmem_max"):
        text = machine.read(f"/proc/sys/net/core/{name}")
        if text is not None and int(text) < WANTED_BUFFER_BYTES:
            small[name] = int(text)
    if not small:
        yield ok("udp_buffers", f"sockets get buffers of {WANTED_BUFFER_BYTES >> 20} MiB")
    elif machine.has_capability(CAP_NET_ADMIN):
        yield ok("udp_buffers", "the kernel's limits are low, and CAP_NET_ADMIN goes beyond them")
    else:
        limits = ", ".join(f"net.core.{name} is {value >> 10} KiB" for name, value in small.items())
        wanted = "; ".join(f"net.core.{name} = {WANTED_BUFFER_BYTES}" for name in small)
        yield warning(
            "udp_buffers",
            f"{limits}: bursts to many receivers may be dropped",
            f"put '{wanted}' into /etc/sysctl.d/60-mediasrv.conf, a line each, then `sysctl --system` and restart",
        )
    dropped = _dropped_datagrams(machine)
    if dropped:
        yield note(
            "udp_drops",
            f"{dropped} datagrams were dropped on this machine since its start because a buffer was full",
            "`ss -lunm` shows of which socket, behind d",
        )


def _dropped_datagrams(machine: Machine) -> int:
    """`RcvbufErrors` of /proc/net/snmp: two lines that begin with `Udp:`, names and values."""
    lines = [line.split() for line in (machine.read("/proc/net/snmp") or "").splitlines() if line.startswith("Udp:")]
    if len(lines) != 2:
        return 0
    return int(dict(zip(*lines, strict=True)).get("RcvbufErrors", 0))


def check_offload(_settings: Settings, machine: Machine) -> Iterator[Finding]:
    missing = [name for name in ("UDP_SEGMENT", "UDP_GRO") if not machine.udp_option(name)]
    if not missing:
        yield ok("udp_offload", "the kernel cuts and joins runs of datagrams (UDP GSO and GRO)")
        return
    yield warning(
        "udp_offload",
        f"the kernel has no {' and no '.join(missing)}: forwarding costs about twice the CPU",
        "run Linux 5.0 or newer, outside of a sandbox that hides it (gVisor has none)",
    )
