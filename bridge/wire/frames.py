"""The three kinds of frame: a call (client asks), a reply (hub answers), a push (hub tells)."""

from typing import Annotated

from msgspec import Meta, Struct

from bridge.ids import AccountId
from bridge.wire.values import MAX_INT

CallId = Annotated[int, Meta(ge=1, le=MAX_INT)]

JSON_SUBPROTOCOL = "isthmus.v1.json"
MSGPACK_SUBPROTOCOL = "isthmus.v1.msgpack"


class ErrorBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a call was not done.

    Attributes:
        code: Stable word for programs; ``docs/protocol.md`` lists them.
        text: For people; it may change.
        temporary: Whether the same call may succeed later.
        path: The field at fault, as ``$.controls.followers``.
        retry_after_s: Seconds to wait before trying again.
    """

    code: str
    text: str
    temporary: bool = False
    path: str | None = None
    retry_after_s: float | None = None


class ReplyFrame(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to the call ``re``: either ``ok`` with the operation's reply, or ``error``."""

    re: CallId
    ok: dict[str, object] | None = None
    error: ErrorBody | None = None


class PushFrame(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something happened.

    Attributes:
        event: What; its ``type`` says which.
        account: In whose journal it stands; absent for events that pass.
        at: Its position there: dense, from 1, within an epoch.
        cursor: What to come back with to get all that follows it.
    """

    event: dict[str, object]
    account: AccountId | None = None
    at: int | None = None
    cursor: str | None = None
