"""What leaves memory first: the oldest of too many records, and messages that say too much.

What leaves is loaded again when a rule asks for it.
"""

from typing import Any, Final

from bridge.domain.model import ContactList, Message, Verdict

_WEIGHTS: dict[type, int] = {Message: 50, ContactList: 500, Verdict: 4}
"""How much heavier than others a record of a kind is, or how much less likely to be asked for again."""

CONCLUDED: Final = 10
"""How much heavier than light records a conclusion is."""

FEW: Final = 1_000
"""A thousandth of what may stay may come anew before each kind is looked at again."""


def let_oldest_go(kind: type, table: dict[Any, Any], most: int) -> bool:
    """Keep about so many of a kind, if it is a light one; say whether any had to go."""
    limit = most // _WEIGHTS.get(kind, 1)
    if len(table) <= limit:
        return False
    for key in list(table)[: len(table) - limit * 9 // 10]:
        del table[key]
    return True


def let_contents_go(messages: dict[Any, Message | None], most_bytes: int) -> int:
    """Keep the newest messages whose contents have room in so many bytes; give how many they have."""
    held, room = 0, most_bytes * 9 // 10
    for name, message in reversed(list(messages.items())):
        size = len(message.content or b"") if message is not None else 0
        if held + size > room:
            del messages[name]
        else:
            held += size
    return held
