"""An offer is read the same, and refused with the same words, whether or not its like was seen before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import OFFER_NAMES, Peer, offer
from test_sdp_round_trip import mutated_offers

from mediasrv.rtc import extensions, section_facts
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.offer import Offer
from mediasrv.rtc.offer_text import read_known


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    section_facts._known.clear()
    yield
    section_facts._known.clear()


def said(text: str) -> object:
    """All that an offer says, or the words with which it is refused."""
    try:
        read = Offer.parse(text)
    except NegotiationError as error:
        return error.code, error.message
    sections = [
        (
            section.mid,
            section.written_mid,
            section.removed,
            section.refusal,
            section.codecs.codecs,
            section.codecs.formats,
            section.sent,
            section.sctp,
            section.facts.kind,
            section.facts.protocol,
            section.facts.formats,
            section.direction,
            section.facts.extmaps,
            section.facts.rids,
            section.facts.simulcast,
            section.facts.answer_flags,
            section.facts.takes_two_byte_extensions,
        )
        for section in read.sections
    ]
    return sections, read.transport, read.bundle, read.allows_mixed_extensions, read.has_msid_semantic


def by_another_client(text: str) -> str:
    """The same offer as another browser of the same kind makes it: other names, keys and addresses."""
    text = re.sub(r"a=ice-ufrag:.*?(?=\r?\n)", "a=ice-ufrag:else", text)
    text = re.sub(r"a=ice-pwd:.*?(?=\r?\n)", "a=ice-pwd:anotherpasswordofmine0000", text)
    text = re.sub(r"a=fingerprint:sha-256 [0-9A-F]{2}", "a=fingerprint:sha-256 0F", text)
    text = re.sub(r"(?<=a=ssrc:)[0-9]+", lambda match: str(int(match[0]) ^ 1), text)
    text = re.sub(r"(?<=a=msid:)[^ \r\n]+", "another-stream", text)
    text = re.sub(r"a=candidate:.*?\n", "", text)
    return re.sub(r"^c=IN IP4 .*?(?=\r?\n)", "c=IN IP4 203.0.113.9", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", OFFER_NAMES)
def test_clients_of_one_kind_are_known_from_the_second_on(name: str) -> None:
    text = offer(name)
    assert read_known(text) is None
    Offer.parse(text)
    assert read_known(text) is not None
    assert read_known(by_another_client(text)) is not None


@pytest.mark.parametrize("name", OFFER_NAMES)
def test_what_another_client_says_is_its_own(name: str) -> None:
    theirs = by_another_client(offer(name))
    read_anew = said(theirs)
    section_facts._known.clear()
    first = said(offer(name))
    assert said(theirs) == read_anew != first


@settings(max_examples=300, deadline=None)
@given(mutated_offers(), st.sampled_from(OFFER_NAMES))
def test_a_known_offer_is_read_as_an_unknown_one(text: str, known: str) -> None:
    section_facts._known.clear()
    Offer.parse(offer(known))
    once = said(text)
    assert said(text) == once, "with its like known"
    section_facts._known.clear()
    assert said(text) == once, "with nothing known"


def test_an_error_in_what_is_the_clients_own_names_its_line() -> None:
    text = offer("chromium-send-simulcast")
    Offer.parse(text)
    broken = text.replace("a=msid:", "a=msid:one two three ", 1)
    line = next(number for number, each in enumerate(broken.splitlines(), start=1) if each.startswith("a=msid:one"))
    with pytest.raises(NegotiationError, match=rf"SDP line {line}: 'a=msid:one two three"):
        Offer.parse(broken)


def test_what_could_not_be_read_is_not_known_the_next_time() -> None:
    broken = offer("chromium-recvonly").replace("a=rtpmap:96 VP8/90000", "a=rtpmap:96 nonsense", 1)
    refusals = [said(broken) for _ in range(2)]
    assert refusals[0] == refusals[1]
    assert read_known(broken) is None


def test_what_is_known_is_bounded() -> None:
    text = offer("chromium-recvonly")
    for number in range(section_facts._KNOWN_MAX):
        Offer.parse(text.replace("a=rtcp-mux", f"a=rtcp-mux\r\na=x-mine:{number}"))
    assert len(section_facts._known) == section_facts._KNOWN_MAX
    known = set(section_facts._known)
    Offer.parse(text.replace("a=rtcp-mux", f"a=rtcp-mux\r\na=x-mine:{'x' * 8000}"))
    assert set(section_facts._known) == known, "what is longer than any client's is not kept"


def test_what_follows_from_facts_is_forgotten_with_them() -> None:
    text = offer("chromium-recvonly")
    for number in range(2 * section_facts._KNOWN_MAX):
        Peer().connection.answer(text.replace("a=rtcp-mux", f"a=rtcp-mux\r\na=x-mine:{number}"))
    remembered = {facts for sections in extensions._remembered for facts, _ in sections}
    assert remembered <= set(section_facts._known.values())
    Peer().connection.answer(text.replace("a=rtcp-mux", f"a=rtcp-mux\r\na=x-mine:{'x' * 8000}"))
    assert {facts for sections in extensions._remembered for facts, _ in sections} == remembered
