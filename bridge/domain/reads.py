"""Facts that remember what was read of them: for stores that other nodes write to as well.

What a decision read, as it was on disk, is what the commit checks again. What the same
batch has put before is no business of the disk's, and what never changes needs no check:
but that there is no such thing, which passes as soon as another node makes it.
"""

from collections import defaultdict
from typing import Any, Final

from bridge.domain.facts import Facts
from bridge.domain.keys import Key
from bridge.domain.model import Account, Controls, Member, Message, Person, Thread, Tie, Verdict
from bridge.domain.questions import OwnUpto, Question

_LASTING: Final = frozenset({Message, Verdict, OwnUpto})
"""Kinds that need no check once there is one: what was said stays, and so does what became of a token."""


class WatchedFacts(Facts):
    """Facts that remember what was read.

    Attributes:
        reads: What was read since ``begin``, by key, as it was then.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.reads: dict[Key, object] = {}
        self._own: set[Key] = set()
        self._tables = _Tables(self)
        self._answers = _Answers(self)
        self._accounts = self._tables[Account]
        self._persons = self._tables[Person]
        self._ties = self._tables[Tie]
        self._controls = self._tables[Controls]
        self._threads = self._tables[Thread]
        self._members = self._tables[Member]
        self._messages = self._tables[Message]
        self._verdicts = self._tables[Verdict]

    def begin(self) -> dict[Key, object]:
        """Begin a batch; what it reads comes to stand in the answer."""
        self._own.clear()
        self.conclusions.clear()  # what they rest on is to be read anew, and noted
        self.reads = {}
        return self.reads

    def saw(self, key: Key, value: object) -> None:
        """Take note of what was read first, unless the batch itself has put it."""
        if key not in self._own:
            self.reads.setdefault(key, value)

    def wrote(self, key: Key) -> None:
        """Take note that this no longer is as it is on disk."""
        self._own.add(key)


class _Watched(dict[Any, Any]):
    """The facts of one kind."""

    def __init__(self, facts: WatchedFacts, kind: type) -> None:
        super().__init__()
        self._facts, self._kind = facts, kind

    def __getitem__(self, name: Any) -> Any:
        value = super().__getitem__(name)
        self._facts.saw((self._kind, name), value)
        return value

    def __setitem__(self, name: Any, value: Any) -> None:
        super().__setitem__(name, value)
        self._facts.wrote((self._kind, name))


class _Lasting(dict[Any, Any]):
    """The facts of one kind that never change: what is read of them is noted where there is nothing."""

    def __init__(self, facts: WatchedFacts, kind: type) -> None:
        super().__init__()
        self._facts, self._kind = facts, kind

    def __getitem__(self, name: Any) -> Any:
        value = super().__getitem__(name)
        if value is None:
            self._facts.saw((self._kind, name), None)
        return value


def _table(facts: WatchedFacts, kind: type) -> dict[Any, Any]:
    return (_Lasting if kind in _LASTING else _Watched)(facts, kind)


class _Tables(defaultdict[type, dict[Any, Any]]):
    """Makes a kind's table when it is first asked for."""

    def __init__(self, facts: WatchedFacts) -> None:
        super().__init__()
        self._facts = facts

    def __missing__(self, kind: type) -> dict[Any, Any]:
        table = self[kind] = _table(self._facts, kind)
        return table


class _Answers(dict[type, dict[Question, object]]):
    """Makes a question's table when its first answer is learned."""

    def __init__(self, facts: WatchedFacts) -> None:
        super().__init__()
        self._facts = facts

    def setdefault(self, kind: type, default: dict[Question, object]) -> dict[Question, object]:
        if kind not in self:
            self[kind] = _table(self._facts, kind)
        return self[kind]
