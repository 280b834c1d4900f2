"""How long the rules take for one message: ``python -m benchmarks.decide`` prints microseconds.

The figure is the best of several rounds. The facts are warm, and the thread is accepted and
crosses the networks: the common case on a busy hub.
"""

import argparse
import json
from collections.abc import Callable
from os import urandom
from time import perf_counter

from msgspec.structs import replace

from bridge.domain.content import first_link
from bridge.domain.decide import decide
from bridge.domain.facts import Facts
from bridge.domain.model import Account, Controls, Member, Person, Thread, Tie
from bridge.domain.outcome import Scene
from bridge.domain.policy import Policy
from bridge.ids import AccountId, Seq, home_of, thread_of_pair
from bridge.wire.commands import MarkRead, Send
from bridge.wire.values import Folder, Hybrid, Network

ANA, BEN = AccountId("aana"), AccountId("aben")
TEXT = "It is a truth universally acknowledged, that a message must be short. 🙂"


def warm_scene() -> Scene:
    """Make a scene with an accepted thread between Ana on Direct and Ben on Messenger, both unlinked."""
    facts = Facts()
    thread = thread_of_pair(ANA, BEN)
    records: list[Account | Person | Member | Thread] = [
        Thread(id=thread, members=(ANA, BEN), tip=2, link=first_link(thread))
    ]
    for name, network in ((ANA, Network.DIRECT), (BEN, Network.MESSENGER)):
        home = home_of(name)
        records += [
            Account(id=name, network=network, handle=name, name=name, person=home, hybrid=Hybrid.ON),
            Person(id=home, accounts=(name,)),
            Member(thread=thread, account=name, folder=Folder.INBOX, started=name == ANA, sent=1, read=1),
        ]
        facts.learn((Controls, name), None)
    facts.apply(records)
    facts.learn((Tie, (ANA, BEN)), None)
    facts.learn((Tie, (BEN, ANA)), None)
    return Scene(facts=facts, policy=Policy(), account=ANA, now=1_700_000_000_000, chance=urandom)


def best_us(act: Callable[[], object], rounds: int, times: int) -> float:
    """Time an act; give the best round's microseconds for one."""
    spans = []
    for _ in range(rounds):
        begun = perf_counter()
        for _ in range(times):
            act()
        spans.append(perf_counter() - begun)
    return min(spans) / times * 1e6


def measure(rounds: int = 100, times: int = 400) -> dict[str, float]:
    """Measure each common command on warm facts, in microseconds."""
    scene = warm_scene()
    thread = thread_of_pair(ANA, BEN)
    send = Send(thread=thread, text=TEXT, token="0190-token")
    read = MarkRead(thread=thread, upto=Seq(2))
    reader = replace(scene, account=BEN)
    return {
        "send": best_us(lambda: decide(scene, send), rounds, times),
        "mark_read": best_us(lambda: decide(reader, read), rounds, times),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    figures = {name: round(span, 2) for name, span in measure().items()}
    if parser.parse_args().json:
        print(json.dumps({"decide_us": figures}))
        return
    for name, span in figures.items():
        print(f"{name:10} {span:6.2f} µs")


if __name__ == "__main__":
    main()
