"""Methods of participants about themselves."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.permissions import FLAG_OF_CONSENT
from mediasrv.rooms.profile import ATTRIBUTE_MAX_CHARACTERS, MAX_ATTRIBUTES, METADATA_MAX_CHARACTERS
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import Nothing, Shape

_FEATURES = ", ".join(f"`{name}`" for name in FLAG_OF_CONSENT)


class SetConsentParams(Shape):
    """Say what you allow of yourself. What you refuse does not happen, whatever is granted to you, and nothing else
    changes. Who consents to nothing in particular has consented to everything; `recording` is being recorded."""

    consents: Annotated[
        dict[str, bool],
        Meta(max_length=len(FLAG_OF_CONSENT), description=f"by feature; one that is not named stays: {_FEATURES}"),
    ]


class SetConsentResult(Shape):
    consents: Annotated[dict[str, bool], Meta(description="what you consent to now, by feature")]


class UpdateSelfParams(Shape):
    """Change what you say of yourself. What is left out stays."""

    name: Annotated[
        str | None, Meta(description="what to call you, up to 128 characters, unless your token says that")
    ] = None
    metadata: Annotated[
        str | None, Meta(description=f"whatever an application wants, up to {METADATA_MAX_CHARACTERS:,} characters")
    ] = None
    attributes: Annotated[
        dict[str, str | None],
        Meta(
            max_length=MAX_ATTRIBUTES,
            description=f"likewise, by key, up to {MAX_ATTRIBUTES}, each of up to {ATTRIBUTE_MAX_CHARACTERS} "
            "characters; null removes one, and those not named stay",
        ),
    ] = msgspec.field(default_factory=dict)


def set_consent(caller: Caller, params: SetConsentParams) -> SetConsentResult:
    me = caller.me
    consented = me.permissions.consented
    for name, consents in params.consents.items():
        flag = FLAG_OF_CONSENT.get(name)
        if flag is None:
            raise RpcError(E.INVALID_PARAMS, f"consents: there is no {name[:64]!r}, only {', '.join(FLAG_OF_CONSENT)}")
        consented = consented | flag if consents else consented & ~flag
    me.permits.consent(consented, by=me.id)
    return SetConsentResult(consents={name: flag in consented for name, flag in FLAG_OF_CONSENT.items()})


def update_self(caller: Caller, params: UpdateSelfParams) -> Nothing:
    caller.me.update(name=params.name, metadata=params.metadata, attributes=params.attributes)
    return Nothing()


METHODS = (
    Method(
        "set_consent",
        Scope.PARTICIPANT,
        set_consent,
        SetConsentParams,
        SetConsentResult,
        (),
        SetConsentParams(consents={"recording": False}),
        SetConsentResult(consents={name: name != "recording" for name in FLAG_OF_CONSENT}),
    ),
    Method(
        "update_self",
        Scope.PARTICIPANT,
        update_self,
        UpdateSelfParams,
        Nothing,
        (E.PERMISSION_DENIED, E.TOO_LARGE),
        UpdateSelfParams(attributes={"hand": "raised"}),
        Nothing(),
    ),
)
