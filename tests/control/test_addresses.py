"""Where media is received, and which addresses clients are told."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from mediasrv import addresses


def test_what_is_configured_is_taken_as_it_is():
    assert addresses.bind_addresses(["127.0.0.1"]) == ["127.0.0.1"]
    assert addresses.advertised_addresses(["203.0.113.7"], ["0.0.0.0"]) == ["203.0.113.7"]


def test_an_address_that_is_bound_is_told():
    assert addresses.advertised_addresses([], ["127.0.0.1", "::1"]) == ["127.0.0.1", "::1"]


def test_a_wildcard_stands_for_an_address_that_could_be_sent_to():
    for address in addresses.advertised_addresses([], ["0.0.0.0", "::"]):
        assert not ipaddress.ip_address(address).is_unspecified


def test_finding_addresses_sends_nothing(monkeypatch):
    def refuse(*_):
        raise AssertionError("a packet was sent")

    for name in ("send", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, refuse)
    addresses.advertised_addresses([], ["0.0.0.0", "::"])


@pytest.mark.parametrize("version", ["connect", "__init__"])
def test_without_a_route_or_an_ip_version_there_is_none(monkeypatch, version):
    def fail(*_arguments, **_keywords):
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket.socket, version, fail)
    assert addresses.advertised_addresses([], ["0.0.0.0", "::"]) == []


def test_without_ipv6_only_ipv4_is_bound(monkeypatch):
    bind = socket.socket.bind

    def without_ipv6(self, address):
        if self.family == socket.AF_INET6:
            raise OSError("cannot assign requested address")
        return bind(self, address)

    assert "0.0.0.0" in addresses.bind_addresses([])
    monkeypatch.setattr(socket.socket, "bind", without_ipv6)
    assert addresses.bind_addresses([]) == ["0.0.0.0"]
