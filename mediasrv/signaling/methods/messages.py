"""Methods of participants about messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_PARTICIPANT, MAX_MESSAGE_RECIPIENTS, Id, Shape


class SendMessageParams(Shape):
    """Send a text to others in the room. You don't get a notification of your own message."""

    text: Annotated[str, Meta(description="the text; `message_size` of the join result says how long it may be")]
    to: Annotated[
        Annotated[list[Id], Meta(max_length=MAX_MESSAGE_RECIPIENTS)] | None,
        Meta(description="whom it is for; null or left out: everybody. Those who have left meanwhile are passed over"),
    ] = None


class SendMessageResult(Shape):
    message_id: Annotated[Id, Meta(description="the message's id")]
    recipients: Annotated[list[Id], Meta(description="whom it was delivered to")]


def send_message(caller: Caller, params: SendMessageParams) -> SendMessageResult:
    me = caller.me
    caller.check_message_rate()
    sent = me.room.send_message(me, params.text, params.to)
    return SendMessageResult(message_id=sent.message_id, recipients=list(sent.recipients))


METHODS = (
    Method(
        "send_message",
        Scope.PARTICIPANT,
        send_message,
        SendMessageParams,
        SendMessageResult,
        (E.PERMISSION_DENIED, E.NOT_FOUND, E.TOO_LARGE),
        SendMessageParams(text="Good morning!", to=[EXAMPLE_PARTICIPANT.id]),
        SendMessageResult(message_id="m_4be8c07d19f2a635", recipients=[EXAMPLE_PARTICIPANT.id]),
    ),
)
