"""What all calls have in common."""

from typing import ClassVar

from msgspec import Struct

from bridge.wire import replies


class Operation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of all calls.

    Attributes:
        op: The operation's name on the wire.
        reply: The type of its answer.
    """

    op: ClassVar[str]
    reply: ClassVar[type[replies.Reply]]
