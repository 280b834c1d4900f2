"""What follows a commit: whoever asked is answered, and whoever is concerned is told."""

import logging
from collections.abc import Sequence
from typing import Final

from bridge.bus.base import Bus, News
from bridge.domain.keys import Key, key_of
from bridge.domain.model import StoredRecord
from bridge.domain.outcome import Outcome, Told
from bridge.errors import BridgeError, Refusal
from bridge.hub.counters import Counters
from bridge.hub.work import Decided, Work, moved_by, moves_anybody
from bridge.ids import AccountId
from bridge.store.base import Places

log: Final = logging.getLogger("bridge.hub")

_NOBODY: Final[frozenset[AccountId]] = frozenset()


class Telling:
    """Answers lanes and publishes news, work by work, in the order in which they were decided."""

    def __init__(self, bus: Bus, counters: Counters) -> None:
        """Take the parts."""
        self._bus = bus
        self._counters = counters

    def tell(self, decided: Decided, made: Sequence[Places]) -> None:
        """Answer and publish what is on disk, with the places that it got in journals."""
        place = iter(made)
        told: list[tuple[Told, Places]] = []
        records: dict[Key, StoredRecord] = {}
        counters = self._counters
        moves = moves_anybody(decided.batch.records)
        for work, result in decided.done:
            if isinstance(result, BridgeError):
                counters.refusals_total[result.code] += 1
                work.lane.answered(work.call, result)
                continue
            if isinstance(result.reply, BridgeError):
                counters.refusals_total[result.reply.code] += 1
            work.lane.answered(work.call, result.reply)
            for event, _ in result.told:
                told.append((event, next(place)))
            if self._bus.connects:  # of what moved several times the last is enough
                records |= {key_of(record): record for record in result.records}
            moved = moved_by(result.records) if moves else _NOBODY
            if moved or result.passing:  # who may hear what follows depends on it
                self._publish(News(told, result.passing, moved, (), tuple(records.values())))
                told, records = [], {}
        decisions = [message.decision for message in decided.batch.messages]
        counters.messages_total.update([decision.outcome for decision in decisions if decision is not None])
        if told:
            self._publish(News(told, records=tuple(records.values())))

    def lack(self, decided: Decided, lack: Refusal) -> list[Work]:
        """Refuse what would change something; give back what is doubtful without it, to be decided anew.

        That is what was decided on top of it, and on facts that other nodes may move (``versions``): nobody
        compared them. Where nothing would change, and still they could not be compared, all is refused.
        """
        unproven = bool(decided.batch.versions)
        idle = unproven and not decided.batch.changes
        doubtful: list[Work] = []
        refused = 0
        for work, result in decided.done:
            if idle or (isinstance(result, Outcome) and result.changes):
                refused += 1
                work.lane.answered(work.call, type(lack)())
            elif refused or unproven:
                doubtful.append(work)
            else:
                work.lane.answered(work.call, result if isinstance(result, BridgeError) else result.reply)
        self._counters.refusals_total[lack.code] += refused
        log.warning("%d commands refused: %s", refused, lack)
        return doubtful

    def _publish(self, news: News) -> None:
        try:
            self._bus.publish(news)
        except Exception:  # what is committed stays; whoever missed it sees the gap and reads the journal
            log.exception("telling failed")
