"""Reads the hand-written tables: ``table.yaml``, ``place.yaml`` and ``hybrid.yaml``.

A row of ``table.yaml`` is one situation between two accounts, S who speaks and R who receives. S2 and R2
are their twins: the account of the same person on the other network, there only where ``linked`` says so.
What a row leaves out has the default of its class here; an unknown key or tie is an error.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
OTHER_NETWORK = {"direct": "messenger", "messenger": "direct"}
TIE = re.compile(
    r"(?P<a>[SR]2?) (?P<verb>follows|blocks|restricts|chatted with|has number of|got number of) (?P<b>[SR]2?)"
    r"|(?P<both>friends|mutual friend) (?P<c>[SR]2?) (?P<d>[SR]2?)"
    r"|(?P<e>[SR]2?) (?P<declined>declined) (?P<f>[SR]2?) hiding"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One of the two accounts.

    Attributes:
        hybrid: ``never``, ``on`` or ``off``, of this account; the twin's never matters to a decision.
        linked: Whether the person also has an account on the other network.
        controls: Only the categories that differ from their default.
    """

    network: str
    hybrid: str
    linked: bool = False
    state: str = "active"
    private: bool = False
    keep_connected: bool = False
    controls: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The thread that already stands between S and R.

    Attributes:
        state: ``none`` (no thread), ``new`` (opened, nothing said), ``landed`` (in R's inbox, R never asked),
            ``request`` (in R's requests, waiting), ``hidden`` (the same, in hidden), ``declined`` (turned
            away), ``accepted`` (in R's inbox) or ``archived`` (by R).
        started_by: ``S`` or ``R``, who wrote first.
        wrote: Who has written at least once.
        accepted: Whether R accepted by command; given only for ``archived``, where the state does not tell.
        visible: Whether S could see that acceptance (not so if R accepted while restricting S).
    """

    state: str = "none"
    started_by: str | None = None
    wrote: tuple[str, ...] = ()
    accepted: bool = False
    visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One fact in words, taken apart: ``verb`` holds from ``a`` to ``b``; friendships hold either way.

    Who ``got number of`` somebody did so after their thread began.
    """

    verb: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of it: the decision (outcome and rule), and what S is told.

    The decision is what the rules say of the message whether or not the stranger limit stands; where the
    class is ``request_pending`` the message is refused all the same.
    """

    outcome: str
    rule: str
    sender_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One situation, what must come of it, and why in people's words.

    Attributes:
        same_person: S and R are accounts of one person (then there are no twins).
        message: ``text`` or ``media``.
        floor: The operator's policy refuses this pair.
        spam: The operator's score calls this message doubtful.
        also: Later rules that apply as well and must not win (``control`` always applies and is left out).
        rests_on: ``sender_link`` where the row stands or falls with DECISIONS.md 1.
    """

    id: str
    section: str
    sender: Party
    receiver: Party
    same_person: bool = False
    ties: tuple[Tie, ...] = ()
    thread: Standing = Standing()
    message: str = "text"
    floor: bool = False
    spam: bool = False
    also: tuple[str, ...] = ()
    rests_on: str | None = None
    expect: Expected
    reason: str

    @property
    def route(self) -> str:
        """The two networks, as ``direct/messenger``."""
        return f"{self.sender.network}/{self.receiver.network}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """One row of ``place.yaml``; ``before`` is None for a member without the thread."""

    before: tuple[str, str] | None
    outcome: str
    after: tuple[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPair:
    """One of the nine pairs of ``hybrid.yaml``."""

    sender: str
    receiver: str
    starts: bool
    answers: bool
    judged_by: str
    reason: str


@cache
def load_rows() -> tuple[Row, ...]:
    """Read the reference table in the order of the file."""
    return tuple(_row(raw) for raw in _read("table.yaml")["rows"])


@cache
def load_placings() -> tuple[Placing, ...]:
    """Read the table from member state and outcome to member state."""
    return tuple(
        Placing(
            before=None if raw["from"] == "new" else _state(raw["from"]),
            outcome=raw["outcome"],
            after=_state(raw["to"]),
            reason=raw["reason"],
        )
        for raw in _read("place.yaml")["rows"]
    )


@cache
def load_hybrid_pairs() -> tuple[HybridPair, ...]:
    """Read the nine pairs of hybrid states."""
    return tuple(HybridPair(**raw) for raw in _read("hybrid.yaml")["pairs"])


def _read(name: str) -> Any:
    # The same language, ten times faster where the C library was built in.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((HERE / name).read_text(encoding="utf-8"), Loader=loader)


def _row(raw: dict[str, Any]) -> Row:
    standing = dict(raw.get("thread", {}))
    standing["wrote"] = tuple(standing.get("wrote", ()))
    return Row(
        **{
            **raw,
            "sender": Party(**raw["sender"]),
            "receiver": Party(**raw["receiver"]),
            "ties": tuple(_tie(words) for words in raw.get("ties", ())),
            "thread": Standing(**standing),
            "also": tuple(raw.get("also", ())),
            "expect": Expected(**raw["expect"]),
        }
    )


def _tie(words: str) -> Tie:
    found = TIE.fullmatch(words)
    if found is None:
        raise ValueError(f"not a tie: {words!r}")
    a, b = (found[x] or found[y] or found[z] for x, y, z in (("a", "c", "e"), ("b", "d", "f")))
    return Tie(verb=found["verb"] or found["both"] or found["declined"], a=a, b=b)


def _state(raw: list[str]) -> tuple[str, str]:
    folder, consent = raw
    return folder, consent
