"""Controls and blocks as the clients set them: when a door between two accounts was certainly shut, or maybe.

A change that was asked for takes effect somewhere between its call and its answer;
one whose connection broke, somewhere until the break, or never.
"""

from collections import defaultdict
from typing import Any

from msgspec import Struct

from tests.faults.history import Answered, Asked

_CATEGORY = "others_on_messenger"


class Change(Struct):
    """One change of a door.

    Attributes:
        session: On which connection it was asked for.
        begun: When.
        shuts: Whether it shuts the door.
        ended: When it had taken effect, if ever.
        done: Whether it certainly took effect; None: nobody knows.
    """

    session: int
    begun: int
    shuts: bool
    ended: int | None = None
    done: bool | None = None


class Gates:
    """All doors, by who holds them and against whom (empty: everyone of the other network)."""

    def __init__(self) -> None:
        """Begin with all doors open."""
        self._changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
        self._pending: dict[tuple[int, int], Change] = {}

    def asked(self, index: int, asked: Asked) -> None:
        """Note a change on its way."""
        fields: dict[str, Any] = asked.fields
        if asked.op == "set_controls" and _CATEGORY in fields["controls"]:
            door, shuts = (fields["as"], ""), fields["controls"][_CATEGORY] == "none"
        elif asked.op == "set_tie" and fields["tie"] == "block":
            door, shuts = (fields["as"], fields["account"]), fields.get("on", True)
        else:
            return
        change = self._pending[asked.session, asked.call] = Change(asked.session, index, shuts)
        self._changes[door].append(change)

    def answered(self, index: int, asked: Asked, answered: Answered) -> None:
        """Note what became of a change."""
        change = self._pending.pop((asked.session, asked.call), None)
        if change is not None:
            change.ended = index
            change.done = answered.error is None

    def ended(self, index: int, session: int) -> None:
        """Note that nothing asked for on a connection can take effect any more."""
        for key in [key for key in self._pending if key[0] == session]:
            self._pending.pop(key).ended = index

    def certainly_closed(self, sender: str, receiver: str, begun: int, ended: int) -> int | None:
        """Say since which record the way was certainly shut all the time, if it was."""
        for door in self._doors(sender, receiver):
            for change in self._changes[door]:
                if change.shuts and change.done and change.ended is not None and change.ended < begun:
                    opened = any(
                        not other.shuts
                        and other.done is not False
                        and other.begun < ended
                        and (other.ended is None or other.ended > change.begun)
                        for other in self._changes[door]
                    )
                    if not opened:
                        return change.ended
        return None

    def maybe_closed(self, sender: str, receiver: str, begun: int, ended: int) -> bool:
        """Say whether the way may have been shut at any time between two records."""
        for door in self._doors(sender, receiver):
            for change in self._changes[door]:
                if change.shuts and change.done is not False and change.begun < ended:
                    over = change.ended if change.ended is not None else ended
                    reopened = any(
                        not other.shuts
                        and other.done
                        and other.begun > over
                        and (other.ended or ended) < begun
                        for other in self._changes[door]
                    )
                    if not reopened:
                        return True
        return False

    def _doors(self, sender: str, receiver: str) -> tuple[tuple[str, str], ...]:
        """Name the doors on a way: the receiver's against all and the sender, and the sender's own block."""
        return (receiver, ""), (receiver, sender), (sender, receiver)
