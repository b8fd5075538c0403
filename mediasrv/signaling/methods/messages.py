"""Methods of participants about messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediasrv.rooms.participant import Participant
from mediasrv.rooms.settings import HISTORY_MAX_MESSAGES
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import rate_limited
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_PARTICIPANT, MAX_MESSAGE_RECIPIENTS, Id, KeptMessage, Shape
from mediasrv.signaling.shapes import kept_message_of


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
    pending: Annotated[
        list[Id], Meta(description="whose connection is lost at the moment: `message_delivered` says when they have it")
    ]


class MessageHistoryParams(Shape):
    """What was said to everybody before you came, as far as the room keeps it: `history` of its settings says how many
    messages, none if it is 0. They go with the room."""

    limit: Annotated[int, Meta(ge=1, le=HISTORY_MAX_MESSAGES, description="how many at most")] = 50
    before: Annotated[Id | None, Meta(description="only those before this message")] = None


class MessageHistoryResult(Shape):
    messages: Annotated[list[KeptMessage], Meta(description="oldest first")]


def send_message(caller: Caller, params: SendMessageParams) -> SendMessageResult:
    return send(caller.me, params)


def send(me: Participant, params: SendMessageParams, *, reliable: bool = True) -> SendMessageResult:
    """Send it as `me`, whatever way it came. Raises `RpcError` or `RoomError`."""
    wait_s = me.messages.take()
    if wait_s:
        raise rate_limited("messages", wait_s)
    sent = me.room.send_message(me, params.text, params.to, reliable=reliable)
    return SendMessageResult(message_id=sent.message_id, recipients=list(sent.recipients), pending=list(sent.pending))


def message_history(caller: Caller, params: MessageHistoryParams) -> MessageHistoryResult:
    kept = caller.me.room.history.latest(params.limit, params.before)
    return MessageHistoryResult(messages=[kept_message_of(message) for message in kept])


METHODS = (
    Method(
        "send_message",
        Scope.PARTICIPANT,
        send_message,
        SendMessageParams,
        SendMessageResult,
        (E.PERMISSION_DENIED, E.NOT_FOUND, E.TOO_LARGE),
        SendMessageParams(text="Good morning!", to=[EXAMPLE_PARTICIPANT.id]),
        SendMessageResult(message_id="m_4be8c07d19f2a635", recipients=[EXAMPLE_PARTICIPANT.id], pending=[]),
    ),
    Method(
        "message_history",
        Scope.PARTICIPANT,
        message_history,
        MessageHistoryParams,
        MessageHistoryResult,
        (E.NOT_FOUND,),
        MessageHistoryParams(limit=20),
        MessageHistoryResult(
            messages=[
                KeptMessage(
                    message_id="m_4be8c07d19f2a635",
                    sender=EXAMPLE_PARTICIPANT.id,
                    sender_name=EXAMPLE_PARTICIPANT.name,
                    text="Good morning!",
                    sent_at=1767225700.25,
                )
            ]
        ),
    ),
)
