"""What a person's sign-in costs does not grow with the threads that the person has."""

from collections import Counter
from pathlib import Path
from sqlite3 import Connection

from bridge.domain.content import first_link
from bridge.domain.model import Member, StoredRecord, Thread
from bridge.ids import AccountId, thread_of_pair
from bridge.store.sqlite import SqliteStore
from bridge.wire.values import Folder
from tests.hub.house import ANA, House, config, house


class Watch:
    """Sees what SQLite is asked, and how many steps its machine takes for that.

    Attributes:
        asked: How often each statement, by how it begins.
        steps: The steps.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.steps = 0

    def begin(self, raw: Connection) -> None:
        """Watch a connection."""
        raw.set_trace_callback(lambda statement: self.asked.update([statement[:60]]))
        raw.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.steps += 1
        return 0


async def befriend(hub: House, threads: int) -> None:
    """Give Ana so many threads, with somebody else each."""
    records: list[StoredRecord] = []
    for number in range(threads):
        other = AccountId(f"a-other-{number}")
        thread = thread_of_pair(ANA, other)
        members = (min(ANA, other), max(ANA, other))
        records.append(Thread(id=thread, members=members, link=first_link(thread)))
        records += [Member(thread=thread, account=one, folder=Folder.INBOX) for one in members]
    await hub.put(*records)


async def sign_in_work(password_hash: str, path: Path, threads: int) -> Watch:
    """Sign Ana in, who has so many threads, of which nothing is in memory."""
    async with house(password_hash, config(store={"path": str(path)})) as hub:
        await hub.add(ANA)
        await befriend(hub, threads)
        store = hub.hub.store
        assert isinstance(store, SqliteStore)
        assert len(await store.threads([ANA], Folder.INBOX, limit=50)) == min(threads, 50)
        hub.hub.pipeline.facts.shrink(0)
        watch = Watch()
        for connection in (store._writing, store._pages._connection, store._walks._connection):
            assert connection is not None
            await connection.run(watch.begin)
        await hub.join(ANA)
        return watch


async def test_a_sign_in_asks_the_same_of_the_disk_however_many_threads_there_are(
    password_hash: str, tmp_path: Path
) -> None:
    few = await sign_in_work(password_hash, tmp_path / "few.db", 2)
    many = await sign_in_work(password_hash, tmp_path / "many.db", 2_000)

    assert many.asked == few.asked
    assert few.asked, "it was watched"
    assert many.steps < few.steps * 1.1
