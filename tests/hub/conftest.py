"""Hubs for the tests: on memory, or on SQLite where the disk matters."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from bridge.wire.codec import CODECS, Codec
from tests.hub.house import PASSWORD, House, config, house


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password: cheap to verify, made once."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
async def hub(password_hash: str) -> AsyncIterator[House]:
    """A hub on memory."""
    async with house(password_hash) as made:
        yield made


@pytest.fixture(params=["memory", "sqlite"])
async def any_hub(request: pytest.FixtureRequest, password_hash: str, tmp_path: Path) -> AsyncIterator[House]:
    """A hub on each engine."""
    path = str(tmp_path / "isthmus.db") if request.param == "sqlite" else ""
    async with house(password_hash, config(store={"path": path})) as made:
        yield made


@pytest.fixture(params=sorted(CODECS), ids=lambda name: name.rpartition(".")[2])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each codec."""
    return CODECS[request.param]
