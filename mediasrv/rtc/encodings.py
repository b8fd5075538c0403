"""The encodings of an offered source: its simulcast streams, or the one stream it is (RFC 8853, RFC 5576)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mediasrv.rtc.offer import OfferedSection
from mediasrv.rtc.sdp_attributes import Rid
from mediasrv.rtc.section_facts import SectionFacts

MAX_ENCODINGS = 4
MAX_RID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Encoding:
    """`rid` is empty for a source with one stream; an SSRC of 0 is learnt from the packets."""

    rid: str = ""
    ssrc: int = 0
    rtx_ssrc: int = 0


def offered_encodings(offered: OfferedSection, *, rid_negotiated: bool) -> tuple[tuple[Encoding, ...], Sequence[Rid]]:
    """What an m-line sends, lowest quality first, and the `a=rid` lines of the answer (empty without simulcast).

    The order is that of the `a=simulcast` line: every sender lists its qualities from low to high. SSRCs of streams
    that have a rid are learnt from the packets, since SDP does not say which is which.
    """
    rids = _simulcast_rids(offered.facts, offered.codecs.payload_types) if rid_negotiated else []
    if rids:
        return tuple(Encoding(rid.id) for rid in rids), rids
    ssrcs, groups = offered.sent.ssrcs, offered.sent.groups
    repairs = {g.ssrcs[0]: g.ssrcs[1] for g in groups if g.semantics == "FID" and len(g.ssrcs) == 2}
    for group in groups:
        # Before rids, the qualities were a group of SSRCs; they get their place as a name.
        if group.semantics == "SIM" and 2 <= len(group.ssrcs) <= MAX_ENCODINGS:
            return tuple(Encoding(str(i), ssrc, repairs.get(ssrc, 0)) for i, ssrc in enumerate(group.ssrcs)), ()
    primary = next((ssrc for ssrc in ssrcs if ssrc not in repairs.values()), 0)
    return (Encoding("", primary, repairs.get(primary, 0)),), ()


def _simulcast_rids(facts: SectionFacts, payload_types: Collection[int]) -> list[Rid]:
    """The first usable alternative of each simulcast stream, as the answer's rids."""
    simulcast = facts.simulcast
    if simulcast is None:
        return []
    offered = facts.rids
    chosen: list[Rid] = []
    for alternatives in simulcast.send:
        for alternative in alternatives:
            rid = offered.get(alternative.id)
            if rid is None or rid.direction != "send" or len(rid.id) > MAX_RID_BYTES:
                continue
            if rid.payload_types and not set(rid.payload_types) & set(payload_types):
                continue
            if rid.id not in (other.id for other in chosen):
                chosen.append(_answered(rid, payload_types))
                break
    return chosen[:MAX_ENCODINGS]


def _answered(rid: Rid, payload_types: Collection[int]) -> Rid:
    """RFC 8851 §6.3: the same restrictions, and of the payload types those that were accepted."""
    restrictions = []
    for restriction in filter(None, rid.restrictions.split(";")):
        if restriction.strip().startswith("pt="):
            restriction = "pt=" + ",".join(str(item) for item in rid.payload_types if item in payload_types)
        restrictions.append(restriction.strip())
    return Rid(rid.id, "recv", ";".join(restrictions))
