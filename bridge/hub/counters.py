"""Plain numbers of what the hub does, read at a scrape or by ``isthmus top``; no labels on the hot path."""

from collections import Counter
from time import perf_counter

from msgspec import Struct, field


class Counters(Struct):
    """What has happened since the start. Seconds and bytes, never fractions of them.

    Attributes:
        started: When counting began, on the clock of ``perf_counter``.
        connections: Open sockets.
        sessions: Signed-in sockets.
        connections_total: Sockets ever opened.
        turned_away_total: Sockets that were not taken, by cause.
        calls_total: Calls read.
        frames_in_total: Frames read.
        frames_out_total: Frames written.
        bytes_out_total: Bytes written.
        pushes_total: Events handed to sockets.
        messages_total: Messages committed, by where they landed.
        refusals_total: Calls refused, by code.
        commits_total: Transactions.
        commit_seconds_total: Time spent waiting for them.
        commit_seconds_max: The longest of them.
        decide_seconds_total: Time spent deciding.
        batched_total: Commands that were part of a transaction.
        batch_max: The most commands in one transaction.
        stale_total: Batches decided again since a fact had moved.
        carried_total: Commands decided here for other hubs.
        slow_readers_total: Connections told to come back since they read too slowly.
        replayed_total: Journal entries replayed to clients that came back.
        closed_total: Sockets closed by the hub, by code.
    """

    started: float = field(default_factory=perf_counter)
    connections: int = 0
    sessions: int = 0
    connections_total: int = 0
    turned_away_total: Counter[str] = field(default_factory=Counter)
    calls_total: int = 0
    frames_in_total: int = 0
    frames_out_total: int = 0
    bytes_out_total: int = 0
    pushes_total: int = 0
    messages_total: Counter[str] = field(default_factory=Counter)
    refusals_total: Counter[str] = field(default_factory=Counter)
    commits_total: int = 0
    commit_seconds_total: float = 0.0
    commit_seconds_max: float = 0.0
    decide_seconds_total: float = 0.0
    batched_total: int = 0
    batch_max: int = 0
    stale_total: int = 0
    carried_total: int = 0
    slow_readers_total: int = 0
    replayed_total: int = 0
    closed_total: Counter[str] = field(default_factory=Counter)

    def committed(self, seconds: float, commands: int) -> None:
        """Count a transaction: how long it took, and how many commands were part of it."""
        self.commits_total += 1
        self.commit_seconds_total += seconds
        self.commit_seconds_max = max(self.commit_seconds_max, seconds)
        self.batched_total += commands
        self.batch_max = max(self.batch_max, commands)
