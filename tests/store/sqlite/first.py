"""The frozen first schema: a database as the first release wrote it, and what stands in it.

``python -m tests.store.sqlite.first`` writes it anew; only for as long as the
first schema is not released.
"""

import asyncio
import gzip
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from bridge.domain.model import Controls, Credential, StoredRecord
from bridge.store.sqlite import SqliteStore
from bridge.wire.events import ControlsChanged
from tests.builders import (
    ANA,
    BEN,
    Talk,
    keep,
    keep_told,
    make_device,
    make_line,
    make_pair_thread,
    make_people,
    make_segment,
    make_tie,
    make_verdict,
)

FROZEN: Final = Path(__file__).with_name("first.sqlite3.gz")


def talks() -> tuple[Talk, Talk]:
    """Give the thread and the segment that stand in it."""
    pair = make_pair_thread()
    for number in range(6):
        pair.say((ANA, BEN)[number % 2], f"kept since the first release, {number} 日本 👍")
    segment = make_segment(pair)
    segment.say(BEN, "from an archive", decision=None)
    return pair, segment


def records() -> tuple[StoredRecord, ...]:
    """Give the other records that stand in it."""
    return (
        *make_people(),
        Controls(account=ANA, version=2, outcomes={"followers": "none"}),
        Credential(account=ANA, password="$argon2id$…"),
        make_tie(ANA, BEN, friend=True),
        make_tie(BEN, ANA, friend=True, restricts=True),
        make_verdict(ANA, "a-token", thread=make_pair_thread().id, seq=1, body=sha256(b"a-token").digest()),
        make_device("phone"),
    )


async def write(path: Path) -> None:
    """Write the database."""
    store = await SqliteStore.open(path, clock=lambda: 1_000)
    pair, segment = talks()
    await keep(store, *records(), make_line("linked"))
    await keep_told(store, pair, *pair.said)
    await keep(store, told=[(ControlsChanged(account=ANA, version=2), (ANA,))])
    await store.put_history([segment.piece()], ())
    await store.catch_up()
    await store.close()


def main() -> None:
    """Freeze it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "first.sqlite3"
        asyncio.run(write(path))
        FROZEN.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
