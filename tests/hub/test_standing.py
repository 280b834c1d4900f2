"""What a hub does beside its people's calls goes on after it failed, and the failure is seen."""

import asyncio

import pytest

from bridge import standing as stands
from bridge.app import running_hub
from bridge.errors import ConfigInvalid, Unavailable
from bridge.hub import cluster
from bridge.hub.cluster import Cluster
from bridge.hub.entrance import Entrance
from bridge.hub.maintenance import Maintenance
from bridge.hub.server import Server
from bridge.hub.usage import Usage
from bridge.standing import standing
from tests.hub.house import config, house


async def hold() -> None:
    """Work for ever."""
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("owner", "work"),
    [(Server, "keep_time"), (Maintenance, "run"), (Cluster, "_show_presence"), (Usage, "run")],
    ids=lambda part: getattr(part, "__name__", part),
)
async def test_work_that_fails_is_logged_and_begins_anew(
    owner: type,
    work: str,
    password_hash: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(stands, "_FIRST_S", 0.0)
    again = asyncio.Event()
    lives = iter(("fails", "goes on"))

    async def live(_: object) -> None:
        if next(lives) == "fails":
            raise RuntimeError("a bug of ours")
        again.set()
        await hold()

    monkeypatch.setattr(owner, work, live)
    async with house(password_hash), asyncio.timeout(5):
        await again.wait()

    assert "a bug of ours" in caplog.text


async def test_what_fails_again_and_again_is_tried_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)

    async def work() -> None:
        if len(pauses) < 8:
            raise RuntimeError("a bug of ours")

    await standing("a work", work)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_step_that_fails_holds_up_nobody_who_waits_for_his_turn() -> None:
    door, taken = Entrance(), asyncio.Event()
    seen: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))

    def fail() -> None:
        raise RuntimeError("a bug of ours")

    door.in_turn(fail)
    door.in_turn(taken.set)
    async with asyncio.timeout(1):
        await taken.wait()

    assert [str(context["exception"]) for context in seen] == ["a bug of ours"]


async def test_a_hub_that_cannot_listen_leaves_nothing_running(password_hash: str) -> None:
    async with house(password_hash) as hub:
        with pytest.raises(ConfigInvalid):
            async with running_hub(config(listen={"port": hub.hub.port})):
                pass

        names = [task.get_name() for task in asyncio.all_tasks() if not task.done()]

    assert names.count("pipeline") == 1


async def test_what_was_in_doubt_while_the_store_was_away_is_looked_at_when_it_is_back(
    password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, looked = iter((Unavailable(), None)), asyncio.Event()

    async def journals(_: Cluster) -> None:
        if (away := next(answers, None)) is not None:
            raise away

    async def persons(_: Cluster) -> None:
        looked.set()

    monkeypatch.setattr(Cluster, "_look_at_journals", journals)
    monkeypatch.setattr(Cluster, "_look_at_persons", persons)
    monkeypatch.setattr(cluster, "_DEAF_S", 0.01)
    async with house(password_hash, config(bus={"poll_s": 60.0})) as hub:
        others = hub.hub.server._cluster
        looking = asyncio.ensure_future(others._look())
        others.doubted()
        async with asyncio.timeout(5):
            await looked.wait()
        looking.cancel()
