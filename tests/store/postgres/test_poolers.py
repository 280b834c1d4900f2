"""A pooler between nodes and PostgreSQL: one that pools sessions is as good as none, any other is refused."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import SetupError
from bridge.ids import Position
from bridge.store.base import Head
from bridge.store.postgres import PostgresStore
from tests.builders import ANA, BEN, keep, keep_told, make_pair_thread, make_people
from tests.engines_postgres import the_server

PROMISE = "a pooler between hubs and PostgreSQL that would lose what they lock and set is refused"
POOLER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
SETTINGS = """
[databases]
postgres = host={server} dbname=postgres user=isthmus
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 5432
auth_type = any
pool_mode = {mode}
"""


@contextmanager
def pooler(mode: str, dsn: str) -> Iterator[str]:
    """Run PgBouncer before the tests' server; give the address of the same schema behind it."""
    if POOLER is None:
        pytest.skip(PROMISE)
    server, folder = the_server().folder, Path(tempfile.mkdtemp(prefix="isthmus-pool-"))
    settings = folder / "settings"
    settings.write_text(SETTINGS.format(server=server, folder=folder, mode=mode))
    owner: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    if owner:
        shutil.chown(folder, "nobody")
        settings.chmod(0o644)
    process = subprocess.Popen([POOLER, str(settings)], stderr=subprocess.PIPE, text=True, **owner)
    assert process.stderr is not None
    try:
        while "process up" not in (line := process.stderr.readline()):
            assert line, "PgBouncer ended"
        yield dsn.replace(str(server), str(folder))
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder)


async def test_what_pools_sessions_is_as_good_as_none(dsn: str) -> None:
    talk = make_pair_thread()
    with pooler("session", dsn) as behind:
        store = await PostgresStore.open(behind, pool=4)
        await keep(store, *make_people(), *talk.records)
        await keep_told(store, talk, talk.say(ANA, "through"))
        async with store._pool.use() as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "30s"
        await store.close()

    store = await PostgresStore.open(dsn, pool=1)  # it is all in the schema that was named
    assert await store.heads([BEN]) == {BEN: Head(Position(1), Position(1))}
    await store.close()


async def test_what_pools_transactions_is_refused_each_time(dsn: str) -> None:
    with pooler("transaction", dsn) as behind:
        for _ in range(3):
            with pytest.raises(SetupError, match="pool_mode = session"):
                await PostgresStore.open(behind)
