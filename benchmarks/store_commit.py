"""What a commit costs the store: CPU per message by batch size, all of it on disk.

    python -m benchmarks.store_commit [--folder DIR] [--messages N] [--hot THREADS]

Each message is what a send makes: one message, two journal lines, one verdict;
threads and members are put once per batch, as the pipeline hands them over.
The clock is the process's CPU time, threads and checkpoints included; building
the batches is not.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import cast

from benchmarks.load.people import tell_much
from benchmarks.words import WORDS
from bridge.domain.content import Content, digest_of, first_link, next_link, pack
from bridge.domain.keys import Key, key_of
from bridge.domain.model import Decision, Member, Message, StoredRecord, Thread, Verdict
from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.store.base import Batch, Store, Told
from bridge.store.sqlite import SqliteStore
from bridge.wire.values import Folder, Network, OutcomeOf

SIZES = (1, 4, 16, 64, 256)


class Pairs:
    """Makes batches of messages between pairs of accounts."""

    def __init__(self, pairs: int, seed: int = 1, words: int = 16) -> None:
        """Make the pairs' threads; messages have ``words`` words on average."""
        self._words = words
        self._chance = random.Random(seed)
        self._threads: list[Thread] = []
        self._members: dict[Key, Member] = {}
        self._time = 1_700_000_000_000
        for pair in range(pairs):
            one, other = (AccountId(f"a{self._chance.getrandbits(80):020x}") for _ in range(2))
            thread = thread_of_pair(one, other)
            self._threads.append(
                Thread(id=thread, members=tuple(sorted((one, other))), link=first_link(thread))
            )
            for account in (one, other):
                member = Member(thread=thread, account=account, folder=Folder.INBOX, started=pair % 2 == 0)
                self._members[key_of(member)] = member

    def anybody(self, chance: random.Random) -> tuple[AccountId, ThreadId, int]:
        """Give some account, its thread, and where that stands."""
        thread = chance.choice(self._threads)
        return chance.choice(thread.members), thread.id, thread.tip

    def accounts(self, hot: int) -> list[AccountId]:
        """Give the members of the first ``hot`` threads."""
        return [account for thread in self._threads[:hot] for account in thread.members]

    def begin(self) -> Batch:
        """Keep the empty threads."""
        records: list[StoredRecord] = [*self._threads, *self._members.values()]
        return Batch({key_of(record): record for record in records}, [], [], [], {})

    async def go_on(self, store: Store) -> None:
        """Take the threads up where a store that was filled from the same seed has them."""
        keys = [key_of(thread) for thread in self._threads]
        found = await store.load([*keys, *self._members])
        self._threads = [cast(Thread, found[key]) for key in keys]
        self._members = {key: cast(Member, found[key]) for key in self._members}
        self._time = max(thread.last_at for thread in self._threads)

    def batch(self, size: int, hot: int) -> Batch:
        """Say something in threads chosen among the first ``hot``."""
        records: dict[Key, StoredRecord] = {}
        messages: list[Message] = []
        told: list[tuple[Told, tuple[AccountId, ...]]] = []
        for _ in range(size):
            message, sender = self._say(self._chance.randrange(hot), records)
            messages.append(message)
            told.append((message, self._threads[sender].members))
        return Batch(records, messages, told, [], {})

    def _token(self) -> str:
        return f"{self._time:011x}{self._chance.getrandbits(44):011x}"

    def _say(self, place: int, records: dict[Key, StoredRecord]) -> tuple[Message, int]:
        thread, chance = self._threads[place], self._chance
        self._time += 1
        sender = thread.members[chance.randrange(2)]
        words = chance.choices(WORDS, k=chance.randrange(2, 2 * self._words - 1))
        content = pack(Content(" ".join(words), Network.DIRECT))
        salt, seq = chance.randbytes(16), thread.tip + 1
        digest = digest_of(salt, content)
        link = next_link(thread.link, thread.id, seq, sender, digest)
        decision = Decision(outcome=OutcomeOf.INBOX, rule="accepted", facts=("accepted",), version=3)
        message = Message(
            thread=thread.id,
            seq=Seq(seq),
            sender=sender,
            at=self._time,
            content=content,
            salt=salt,
            digest=digest,
            link=link,
            decision=decision,
        )
        thread = Thread(id=thread.id, members=thread.members, tip=seq, link=link, last_at=self._time)
        self._threads[place] = thread
        was = self._members[Member, (thread.id, sender)]
        member = Member(
            thread=was.thread, account=was.account, folder=was.folder, started=was.started, sent=was.sent + 1
        )
        self._members[Member, (thread.id, sender)] = member
        verdict = Verdict(
            account=sender,
            token=self._token(),
            code="ok",
            thread=thread.id,
            seq=seq,
            at=self._time,
        )
        records |= {key_of(one): one for one in (thread, member, verdict)}
        return message, place


async def measure(folder: Path, messages: int, hot: int, stored: int) -> None:
    """Fill a store, then print a line per batch size."""
    pairs = Pairs(max(10_000, hot))
    store = await SqliteStore.open(folder / "bench.sqlite3")
    await store.commit(pairs.begin())
    for _ in range(stored // 2_000):
        await store.commit(pairs.batch(2_000, 10_000))
    await tell_much(store, pairs.accounts(hot))
    print(f"{stored:,} messages stored, {hot:,} threads hot")
    print(f"{'batch':>6} {'µs CPU/message':>15} {'commit ms p50':>14} {'p99':>7}")
    for size in SIZES:
        batches = [pairs.batch(size, hot) for _ in range(max(20, min(messages // size, 3_000)))]
        walls: list[float] = []
        cpu = time.process_time()
        for batch in batches:
            began = time.perf_counter()
            await store.commit(batch)
            walls.append(time.perf_counter() - began)
        cpu = time.process_time() - cpu
        walls.sort()
        p50, p99 = (walls[int(len(walls) * part)] * 1_000 for part in (0.5, 0.99))
        print(f"{size:>6} {cpu / size / len(batches) * 1e6:>15.1f} {p50:>14.2f} {p99:>7.2f}")
    await store.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="CPU per message of a commit, by batch size")
    parser.add_argument("--folder", type=Path, help="where to put the database (default: a temporary folder)")
    parser.add_argument("--messages", type=int, default=20_000, help="messages per batch size")
    parser.add_argument("--hot", type=int, default=50, help="threads that are written to")
    parser.add_argument("--stored", type=int, default=100_000, help="messages in the store before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(measure(Path(folder), given.messages, given.hot, given.stored))


if __name__ == "__main__":
    main()
