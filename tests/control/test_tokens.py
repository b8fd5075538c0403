"""Tokens: what is believed, and the sentence for what is not."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from mediasrv import tokens
from mediasrv.rooms.permissions import Permission
from mediasrv.tokens import TokenError, TokenVerifier

SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000
VERIFIER = TokenVerifier({"main": SECRET, "other": SECRET[::-1]}, clock=lambda: NOW)


def mint(**changes) -> str:
    arguments = {
        "identity": "ada",
        "room": "blue",
        "grants": {"join": True, "publish_audio": True},
        "ttl_s": 3600,
        "name": "Ada",
        "now": NOW,
    }
    return tokens.mint("main", SECRET, **(arguments | changes))


def sign(claims: dict, secret: str = SECRET, **options) -> str:
    base = {"iss": "main", "sub": "ada", "room": "blue", "exp": NOW + 60}
    merged = {name: value for name, value in (base | claims).items() if value is not None}
    return jwt.encode(merged, secret, **({"algorithm": "HS256"} | options))


def refusal(token: str, **options) -> TokenError:
    with pytest.raises(TokenError) as caught:
        VERIFIER.verify(token, **options)
    return caught.value


def test_a_minted_token_gives_its_grant_back():
    grant = VERIFIER.verify(mint(), room="blue")
    assert (grant.identity, grant.name, grant.room) == ("ada", "Ada", "blue")
    assert grant.permissions == Permission.JOIN | Permission.PUBLISH_AUDIO
    assert grant.expires_at == NOW + 3600


def test_without_a_name_the_identity_is_shown():
    assert VERIFIER.verify(mint(name="")).name == "ada"


def test_a_grant_may_end_before_the_token_does():
    grant = VERIFIER.verify(mint(grants={"join": NOW + 1, "record": NOW - 1, "subscribe": False}))
    assert grant.permissions == Permission.JOIN


@pytest.mark.parametrize(
    ("age_s", "words"), [(20, "20 seconds"), (180, "3 minutes"), (3600, "1 hour"), (86400 * 2.5, "2 days")]
)
def test_an_expired_token_says_how_long_ago(age_s, words):
    error = refusal(mint(now=NOW - 3600 - age_s))
    assert error.code == "token_expired"
    assert f"expired {words} ago" in error.message


def test_clocks_may_differ_a_little():
    VERIFIER.verify(mint(now=NOW + 9))
    VERIFIER.verify(mint(now=NOW - 3600 - 9))
    assert "only in 11 seconds" in refusal(mint(now=NOW + 11)).message
    assert refusal(mint(now=NOW - 3600 - 10)).code == "token_expired"


def test_a_token_for_another_room_is_refused():
    assert refusal(mint(), room="red").code == "token_wrong_room"


def test_a_forged_signature_is_refused():
    assert "signature is not that of key 'main'" in refusal(sign({}, secret="x" * 32)).message
    assert "signature is not that of key 'other'" in refusal(sign({"iss": "other"})).message


def test_changed_claims_break_the_signature():
    header, payload, signature = mint().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["room"] = "red"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert refusal(f"{header}.{forged}.{signature}").code == "token_invalid"


def test_no_other_algorithm_will_do():
    unsigned = jwt.encode({"iss": "main", "sub": "ada", "room": "blue", "exp": NOW + 60}, None, algorithm="none")
    assert "not signed with HS256" in refusal(unsigned).message
    assert "not signed with HS256" in refusal(sign({}, secret=SECRET * 2, algorithm="HS512")).message


def test_an_unknown_key_is_refused():
    assert "'iss'" in refusal(sign({"iss": "nobody"})).message
    assert "'iss'" in refusal(sign({"iss": None})).message


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"room": None}, "room"),
        ({"room": "a/b"}, "room"),
        ({"room": "x" * 129}, "room"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"grants": ["join"]}, "grants"),
        ({"grants": {"join": "yes"}}, "grants"),
        ({"grants": {"joyn": True}}, "did you mean 'join'"),
    ],
)
def test_wrong_claims_are_named(claims, word):
    error = refusal(sign(claims))
    assert error.code == "token_invalid"
    assert word in error.message


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä" * 10, "x" * 10_000, "e30.e30.e30"])
def test_what_is_no_token_is_refused(text):
    assert refusal(text).code == "token_invalid"


def test_no_refusal_repeats_the_token():
    forged = sign({}, secret="x" * 32)
    assert forged not in refusal(forged).message


def test_minting_refuses_names_that_could_not_be_verified():
    with pytest.raises(ValueError, match="room"):
        mint(room="a/b")


def test_keys_are_changed_without_a_moment_in_which_none_is_valid():
    verifier = TokenVerifier({"old": SECRET})
    old, new = (
        tokens.mint(key, secret, identity="ada", room="r", grants={"join": True}, ttl_s=60)
        for key, secret in (("old", SECRET), ("new", SECRET[::-1]))
    )
    with pytest.raises(TokenError, match="not known"):
        verifier.verify(new)
    verifier.set_keys({"new": SECRET[::-1], "old": SECRET})
    assert verifier.verify(old).identity == verifier.verify(new).identity == "ada"
    verifier.set_keys({"new": SECRET[::-1]})
    assert verifier.verify(new).identity == "ada"
    with pytest.raises(TokenError, match="not known"):
        verifier.verify(old)


@pytest.mark.parametrize(("leeway_s", "late_s", "accepted"), [(0, 1, False), (10, 9, True), (10, 11, False)])
def test_clocks_may_be_wrong_by_as_much_as_is_set(leeway_s, late_s, accepted):
    token = tokens.mint("k", SECRET, identity="a", room="r", grants={}, ttl_s=60, now=1000)
    for now in (1060 + late_s, 1000 - late_s):
        verifier = TokenVerifier({"k": SECRET}, clock=lambda now=now: now, leeway_s=leeway_s)
        if accepted:
            verifier.verify(token)
        else:
            with pytest.raises(TokenError):
                verifier.verify(token)


def test_a_refusal_says_how_long_ago_and_nothing_of_the_token():
    token = tokens.mint("k", SECRET, identity="ada-lovelace", room="engine", grants={}, ttl_s=60, now=1000)
    with pytest.raises(TokenError) as refused:
        TokenVerifier({"k": SECRET}, clock=lambda: 1060 + 185).verify(token)
    assert refused.value.message == "the token expired 3 minutes ago; get a new one"
    assert not any(part in refused.value.message for part in (*token.split("."), "ada-lovelace", "engine"))


def test_a_token_brings_metadata_and_attributes():
    claims = {"iss": "k", "sub": "ada", "room": "r", "exp": 2e9, "metadata": "m", "attributes": {"seat": "3"}}
    verifier = TokenVerifier({"k": SECRET})
    grant = verifier.verify(jwt.encode(claims, SECRET, algorithm="HS256"))
    assert (grant.metadata, grant.attributes) == ("m", {"seat": "3"})
    for wrong in ({"metadata": "x" * 5000}, {"attributes": {"a": 1}}, {"attributes": {"a": "x" * 300}}, {"admin": 1}):
        with pytest.raises(TokenError, match="claims are wrong"):
            verifier.verify(jwt.encode({**claims, **wrong}, SECRET, algorithm="HS256"))
