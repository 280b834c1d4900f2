"""The soak: short here, as only a long one says whether anything grows; but all of it runs."""

import os
import subprocess
import threading
from itertools import accumulate
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.load.ears import Register
from benchmarks.load.hubs import hold
from benchmarks.load.world import Living, World
from benchmarks.soak import growth_of, soak
from bridge.ids import AccountId, ThreadId
from bridge.wire.events import ThreadChanged
from bridge.wire.values import AccountView, Folder, Network


def test_people_live_for_a_moment_and_no_promise_breaks(tmp_path: Path) -> None:
    told: list[str] = []
    living = Living(pairs=4, seconds=2.0, every_s=0.7, pause_s=0.02, age_s=0.5)
    soaked = soak(living, tmp_path, told.append)
    last = soaked.rows[-1]
    assert soaked.faults == []
    assert len(told) == len(soaked.rows) > 1
    assert soaked.audited >= last.sent > 0
    assert last.heard >= last.sent, "each of both sides hears it"
    assert last.connected == 0


@pytest.mark.slow
def test_people_live_on_while_their_hub_is_killed(tmp_path: Path) -> None:
    living = Living(pairs=3, seconds=9.0, every_s=3.0, pause_s=0.05, kill_every_s=1.0)
    soaked = soak(living, tmp_path, lambda text: None)
    assert soaked.faults == []
    assert soaked.rows[-1].ended > 0
    assert soaked.rows[-1].sent > 0


def test_a_hub_that_is_held_stands_still_and_goes_on() -> None:
    held: list[bool] = []
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        class Over(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                held.append(os.WIFSTOPPED(status))
                return False

        hold(process, 9.0, Over())
        said, _ = process.communicate("here again", timeout=20)

    assert (held, said, process.returncode) == ([True], "here again", 0)


def test_memory_that_goes_on_growing_shows() -> None:
    assert growth_of(list(accumulate([50.0, *[1.0] * 40]))) > 0.2


def test_a_cache_that_fills_before_half_of_the_time_is_no_growth() -> None:
    assert growth_of([*map(float, range(50, 60)), *[60.0] * 31]) == 0


def test_a_short_look_judges_nothing() -> None:
    assert growth_of([50.0, 80.0, 110.0]) == 0


def test_two_devices_hear_the_same_event_though_the_accounts_in_it_changed_in_between() -> None:
    world = World(
        order=Living(pairs=0, seconds=0.0, every_s=1.0, pause_s=0.1), pairs=[], begun=0.0, until=0.0
    )
    register = Register(world)
    other = AccountView(id=AccountId("a2"), network=Network.DIRECT, handle="ben", name="Ben")
    appeared = ThreadChanged(
        thread=ThreadId("t1"), leg=AccountId("a1"), others=(other,), folder=Folder.INBOX, answered=True
    )
    register.compare("one", AccountId("a1"), 1, appeared)
    register.compare("two", AccountId("a1"), 1, replace(appeared, others=(replace(other, name="Benjamin"),)))
    assert world.faults == []
    register.compare("three", AccountId("a1"), 1, replace(appeared, others=(replace(other, id="a3"),)))
    register.compare("four", AccountId("a1"), 1, replace(appeared, folder=Folder.REQUESTS))
    assert len(world.faults) == 2
