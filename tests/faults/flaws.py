"""Seeded bugs: each breaks one promise in the hub's process, and must be caught by the judge.

They are put into the runner of the tests alone, by name; the product knows nothing of them.
"""

import random
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from bridge.domain.facts import Facts
from bridge.domain.model import Controls, StoredRecord, Verdict
from bridge.domain.outcome import Outcome
from bridge.errors import BridgeError
from bridge.hub import connection as talks
from bridge.hub.authority import Authority
from bridge.hub.catching_up import catch_up
from bridge.hub.connection import Connection
from bridge.hub.pipeline import Pipeline
from bridge.hub.services import Services
from bridge.hub.sessions import Leg
from bridge.hub.sockets import Socket
from bridge.hub.work import Decided, Work
from bridge.ids import AccountId
from bridge.store.base import Batch, Places
from bridge.store.sqlite import connection, verdicts
from bridge.store.sqlite.statements import INSERT
from bridge.store.sqlite.tails import Tails
from bridge.wire.commands import Send
from bridge.wire.replies import Reply
from bridge.wire.values import LegHead, LegState
from tests.faults.moments import a_moment

_WINDOW_S: Final = 0.005
_LONG_S: Final = 0.05
_SELDOM: Final = 0.05
_FEW: Final = 3


class _Deaf:
    """A lane whose work was answered already."""

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Hear nothing."""


def acknowledge_before_commit() -> None:
    """Answer a send first, then write it."""
    commit = Pipeline._commit

    async def too_early(self: Pipeline, decided: Decided) -> Sequence[Places]:
        for place, (work, result) in enumerate(decided.done):
            if isinstance(work.command, Send):
                work.lane.answered(work.call, result if isinstance(result, BridgeError) else result.reply)
                deaf = Work(lane=_Deaf(), call=work.call, account=work.account)
                decided.done[place] = deaf, result
        await a_moment(_WINDOW_S)
        return await commit(self, decided)

    Pipeline._commit = too_early  # type: ignore[method-assign]


def forget_tokens() -> None:
    """Take a repeated token for a new message."""
    Facts.verdict = lambda self, account, token: None  # type: ignore[method-assign]
    INSERT[Verdict] = INSERT[Verdict].replace("INSERT INTO", "INSERT OR IGNORE INTO")
    verdicts._PUT = verdicts._PUT.replace("INSERT INTO", "INSERT OR IGNORE INTO")  # type: ignore[misc]  # a flaw


def stale_controls() -> None:
    """Keep changed controls on disk, and go on deciding by the old ones."""

    def half(self: Pipeline, batch: Batch, outcome: Outcome) -> None:
        kept: list[StoredRecord] = [record for record in outcome.records if not isinstance(record, Controls)]
        take(
            self,
            batch,
            Outcome(records=kept, messages=outcome.messages, told=outcome.told, audit=outcome.audit),
        )

    take = Pipeline._take
    Pipeline._take = half  # type: ignore[method-assign]


class _Lasting(dict[object, Any]):
    """Conclusions that nothing makes doubtful."""

    def clear(self) -> None:
        """Keep all."""


def stale_conclusions() -> None:
    """Go on with what was concluded about two accounts, whatever moves between them."""
    begin = Facts.__init__

    def trusting(self: Facts) -> None:
        begin(self)
        self.conclusions = _Lasting()

    Facts.__init__ = trusting  # type: ignore[method-assign]


def forget_tails_at_start() -> None:
    """Begin with journals as they are, without what was told and is not laid into them yet."""
    read = Tails.__init__

    def forgetful(self: Tails, raw: sqlite3.Connection) -> None:
        raw.execute("DELETE FROM told")
        read(self, raw)

    Tails.__init__ = forgetful  # type: ignore[method-assign]


def skip_one_at_resume() -> None:
    """Resume one entry too late, a few times."""
    _resume_elsewhere(1)


def repeat_one_at_resume() -> None:
    """Resume one entry too early, a few times."""
    _resume_elsewhere(-1)


def _resume_elsewhere(by: int) -> None:
    decide = Authority._leg
    times: list[AccountId] = []

    def shifted(self: Authority, client: Connection, account: AccountId, *rest: object) -> LegHead:
        head = decide(self, client, account, *rest)  # type: ignore[arg-type]
        leg = client.legs[account]
        if head.state is LegState.RESUMED and 1 < leg.sent < head.head and times.count(account) < _FEW:
            times.append(account)
            leg.sent += by
        return head

    Authority._leg = shifted  # type: ignore[method-assign, assignment]


def subscribe_after_backlog() -> None:
    """Read the backlog first, and listen to news only then."""

    async def late(
        client: Connection, socket: Socket, services: Services, account: AccountId, leg: Leg
    ) -> None:
        await catch_up(client, socket, services, account, leg)
        if client.legs.get(account) is leg:
            leg.live = False
            await a_moment(_LONG_S)
            leg.sent = services.sessions.heads.get(account, leg.sent)
            leg.live = True

    talks.catch_up = late  # type: ignore[attr-defined, assignment]


def swap_pushes() -> None:
    """Now and then hand the next event over before this one."""
    push = Connection.push
    chance = random.Random(1)
    held: dict[Connection, bytes] = {}

    def swapped(self: Connection, frame: bytes) -> None:
        before = held.pop(self, None)
        if before is None and chance.random() < _SELDOM:
            held[self] = frame
            return
        push(self, frame)
        if before is not None:
            push(self, before)

    Connection.push = swapped  # type: ignore[method-assign]


def keep_revoked_sockets() -> None:
    """Let the open sockets of a revoked device be."""
    apply = Connection._apply

    def lenient(self: Connection, allowed: object, revoked: bool) -> None:
        apply(self, allowed, False)  # type: ignore[arg-type]

    Connection._apply = lenient  # type: ignore[method-assign]


def sync_later() -> None:
    """Leave syncing to the system: it survives a kill, but no power cut."""
    connection._WRITING = tuple(  # type: ignore[misc, assignment]
        pragma.replace("synchronous = FULL", "synchronous = NORMAL") for pragma in connection._WRITING
    )


FLAWS: Final[dict[str, Callable[[], None]]] = {
    flaw.__name__: flaw
    for flaw in (
        acknowledge_before_commit,
        forget_tokens,
        stale_controls,
        stale_conclusions,
        forget_tails_at_start,
        skip_one_at_resume,
        repeat_one_at_resume,
        subscribe_after_backlog,
        swap_pushes,
        keep_revoked_sockets,
        sync_later,
    )
}
"""All of them, by name."""
