"""What arithmetic does not tell of many people: ``python -m benchmarks.simulate``, for ``docs/scale.md``.

Two questions whose answers feed back on themselves. *A storm*: sessions lose their hub at once and come
back by the SDK's own pauses; a sign-in that waits for too long is given up and tried again, so work that
nobody waits for any more delays those who wait. *Shards*: few people say very much, so shards of equally
many people are not equally busy. Nothing is measured here but the model: a hub signs in one after the
other, in the time that ``benchmarks.crowd`` measured, with the part of a core that its other work leaves.
"""

import argparse
import heapq
import json
import random
from typing import Final

from msgspec import Struct, to_builtins

from clients.errors import CallTimeout, ConnectionLost
from clients.options import Options
from clients.reconnect import Failures

_CROWDS: Final = (1_500, 8_000, 16_700, 25_000, 35_000, 50_000)
_SHARDS: Final = (32, 256, 1_024)
_HELD_S: Final = 3_600.0
_GIVEN_UP_AFTER_S: Final = 900.0


class Storm(Struct, frozen=True, kw_only=True):
    """Who comes back to whom.

    Attributes:
        sessions: How many come back, over all hubs.
        hubs: To how many; each attempt goes to any of them.
        sign_in_us: CPU that a sign-in takes.
        free: The part of a core that a hub has for sign-ins.
        seed: Of the chance.
    """

    sessions: int
    hubs: int = 1
    sign_in_us: float = 265.0
    free: float = 0.5
    seed: int = 1


class Calm(Struct, frozen=True, kw_only=True):
    """How a storm ended.

    Attributes:
        half_s: When half of them were back.
        most_s: When 99 of 100 were.
        all_s: When all were; infinite if they were not after a quarter of an hour.
        attempts: How often one tried, on average.
        wasted: The part of the hubs' work that nobody waited for any more.
    """

    half_s: float
    most_s: float
    all_s: float
    attempts: float
    wasted: float


def weather(storm: Storm) -> Calm:
    """Let them come back."""
    options, chance = Options(), random.Random(storm.seed)
    clients = [Failures(options.backoff, chance.random) for _ in range(storm.sessions)]
    lost, late = ConnectionLost(), CallTimeout()
    takes_s = storm.sign_in_us / 1e6 / storm.free
    free_at = [0.0] * storm.hubs
    due = [(client.pause_after(_HELD_S, lost), no) for no, client in enumerate(clients)]
    heapq.heapify(due)
    back: list[float] = []
    attempts = wasted = 0
    while due and due[0][0] < _GIVEN_UP_AFTER_S:
        at, no = heapq.heappop(due)
        attempts += 1
        hub = chance.randrange(storm.hubs)
        done = free_at[hub] = max(at, free_at[hub]) + takes_s
        if done - at <= options.sign_in_timeout_s:
            back.append(done)
        else:
            wasted += 1
            given_up = at + options.sign_in_timeout_s
            heapq.heappush(due, (given_up + clients[no].pause_after(0.0, late), no))
    back.sort()

    def when(share: float) -> float:
        place = int(share * (storm.sessions - 1))
        return round(back[place], 1) if place < len(back) else float("inf")

    return Calm(
        half_s=when(0.5),
        most_s=when(0.99),
        all_s=when(1.0),
        attempts=round(attempts / storm.sessions, 2),
        wasted=round(wasted / attempts, 3),
    )


def hottest(shards: int, people: int, *, seed: int = 1) -> float:
    """Give the load of the busiest shard over the mean one's.

    What a person says in a day is drawn from a Pareto distribution of shape 1.2, cut at 500 times the least:
    a tenth of the people then says more than half of everything.
    """
    chance = random.Random(seed)
    loads = [0.0] * shards
    for _ in range(people):
        loads[chance.randrange(shards)] += min(chance.paretovariate(1.2), 500.0)
    return round(max(loads) / (sum(loads) / shards), 3)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulate", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    storms = {sessions: weather(Storm(sessions=sessions)) for sessions in _CROWDS}
    shares = {shards: hottest(shards, people=1_000_000) for shards in _SHARDS}
    if options.json:
        print(json.dumps({"storms": to_builtins(storms), "hottest_shard": shares}))
        return
    print("sessions for a hub   half back s   99 % s   all s   attempts   wasted work")
    for sessions, calm in storms.items():
        print(
            f"{sessions:18,} {calm.half_s:13} {calm.most_s:8} {calm.all_s:7} {calm.attempts:10}"
            f" {calm.wasted:13.1%}"
        )
    for shards, load in shares.items():
        print(f"{shards:,} shards of a million people: the busiest has {load} of the mean")


if __name__ == "__main__":
    main()
