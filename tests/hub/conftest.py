"""Hubs for the tests, on every ground that there is; those marked ``one_hub`` stand in memory alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from bridge.wire.codec import CODECS, Codec
from tests.hub.grounds import GROUNDS, Ground
from tests.hub.house import PASSWORD, House


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each test that stands on a ground run on all of them."""
    if "ground" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("one_hub") is not None
        marks = (pytest.mark.slow, pytest.mark.long)  # three hubs cover no line that one does not
        many = pytest.param(GROUNDS[-1], marks=marks)
        metafunc.parametrize("ground", GROUNDS[:1] if alone else (*GROUNDS[:-1], many), indirect=True)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password: cheap to verify, made once."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def ground(request: pytest.FixtureRequest, password_hash: str, tmp_path: Path) -> Ground:
    """What a test's houses stand on."""
    return Ground(request.param, password_hash, tmp_path)


@pytest.fixture
async def hub(ground: Ground) -> AsyncIterator[House]:
    """A house with one hub or three, whose people do not notice which."""
    async with ground.house() as made:
        yield made


@pytest.fixture(params=sorted(CODECS), ids=lambda name: name.rpartition(".")[2])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each codec."""
    return CODECS[request.param]
