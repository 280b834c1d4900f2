"""Whatever a sender tries, after whatever came before: within a class of causes he hears and sees the same.

Two worlds live the same life until the receiver does something in secret, in each another thing of the same
class. From then on the sender tries what he likes, while the receiver looks at things and answers nothing.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.domain.answers import FactQuery, is_present_for
from bridge.domain.controls import CATEGORIES
from bridge.domain.model import Controls, Message
from bridge.domain.views import message_view, thread_view
from bridge.errors import BridgeError
from bridge.ids import AccountId, Seq
from bridge.wire import commands as c
from bridge.wire import queries as q
from bridge.wire.values import AccountState, Hybrid, TieKind
from tests.domain.world import World, phone_of

Secret = Callable[[World, str, str], object]


def _twin(name: str) -> str:
    return name[:-1] if name.endswith("m") else f"{name}m"


def _set_all(world: World, name: str, outcome: int) -> None:
    """Set every control of an account to its first or last outcome: the widest, or the narrowest."""
    categories = CATEGORIES[world.account(name).network]
    outcomes = {category.name: category.options[outcome] for category in categories}
    world.put(Controls(account=AccountId(f"a{name}"), version=3, outcomes=outcomes))


REFUSING: dict[str, Secret] = {
    "blocks": lambda world, s, r: world.set_tie("block", r, s),
    "blocks by the other account": lambda world, s, r: world.set_tie("block", _twin(r), s),
    "blocks the other account": lambda world, s, r: world.set_tie("block", r, _twin(s)),
    "is away": lambda world, s, r: world.change(r, state=AccountState.DEACTIVATED),
    "is gone": lambda world, s, r: world.run(
        r, c.DeleteAccount(as_=AccountId(f"a{r}"), password="right"), proven=(r,)
    ),
}
REFUSING_CROSSINGS: dict[str, Secret] = {
    **REFUSING,
    "left": lambda world, s, r: world.leave(r),
    "closed": lambda world, s, r: _set_all(world, r, -1),
}
TAKING: dict[str, Secret] = {
    "does nothing": lambda world, s, r: None,
    "restricts": lambda world, s, r: world.set_tie("restrict", r, s),
    "restricts by the other account": lambda world, s, r: world.set_tie("restrict", _twin(r), s),
    "hides": lambda world, s, r: world.put(replace(world.tie(r, s), hides=True)),
    "is protected by a score": lambda world, s, r: world.put(replace(world.account(s), suspected=True)),
    "lets many in": lambda world, s, r: _set_all(world, r, 0),
}

BEFORE = [
    *(
        "s send",
        "s send",
        "r send",
        "r accept",
        "r decline",
        "r hide",
        "s read",
        "r read",
        "s open",
        "r open",
    ),
    *("s friend", "r friend", "s follow", "r follow", "s archive", "r archive", "s restrict", "r restrict"),
]
SHOWN_BY_A_READER = ["r typing", "r read", "r delivered"]
TRIED = [
    *("s send", "s send", "s again", "s other", "s reply", "s typing", "s read", "s delivered", "s open"),
    *("s propose", "s explain", "s preview", "s quote", "s find", "s friend", "s follow", "s unfriend"),
    *("s unfollow", "s confirm", "s link", "s archive", "s accept", "s decline", "s upload", "s view"),
    *("s presence", "r archive", *SHOWN_BY_A_READER),
]
PAIRS = [("ann", "bobm"), ("annm", "bob"), ("ann", "bob"), ("annm", "bobm")]


class Life:
    """A world in which two merged people meet by one account each."""

    def __init__(self, speaker: str, receiver: str) -> None:
        self.names = {"s": speaker, "r": receiver}
        self.world = World()
        self._done = 0
        for name in ("ann", "bob"):
            self.world.join(name, "direct", phone=phone_of(name))
            self.world.join(f"{name}m", "messenger", phone=phone_of(f"{name}m"))
            self.world.link(name, f"{name}m")
            self.world.upgrade(name)
        self.heard()

    def act(self, what: str) -> object:
        """Do one thing, and give what its answer shows."""
        who, deed = what.split()
        own = self.names[who]
        self._done += 1
        try:
            return self._answer(own, deed)
        except BridgeError as refusal:
            return refusal.code, refusal.text, refusal.path

    def _answer(self, own: str, deed: str) -> object:
        world, account = self.world, AccountId(f"a{own}")
        thread = world.thread(*self.names.values())
        if deed in ("view", "presence"):
            return repr(world.look(lambda: self._look(own, deed)))
        command = self._command(account, self.names["r" if own == self.names["s"] else "s"], deed, thread)
        if isinstance(command, FactQuery):
            return repr(world.ask(own, command))
        reply = world.run(own, command).reply
        return (reply.code, reply.text, reply.path) if isinstance(reply, BridgeError) else repr(reply)

    def _look(self, own: str, deed: str) -> object:
        world, (one, two) = self.world, self.names.values()
        other = AccountId(f"a{two if own == one else one}")
        scene = world.scene(own)
        if deed == "presence":
            return is_present_for(scene, other)
        thread, side = scene.seat(world.thread(one, two))
        last = world.facts.message(thread.id, Seq(thread.tip)) if thread.tip else None
        theirs = world.facts.find_member(thread.id, other)
        return thread_view(world.facts, world.policy, thread, side, theirs, last)

    def _command(self, own: AccountId, name: str, deed: str, thread: Any) -> Any:
        other, there = AccountId(f"a{name}"), self.world.account(name)
        tie = TieKind(deed.removeprefix("un")) if deed.removeprefix("un") in [*TieKind] else TieKind.FRIEND
        return {
            "send": c.Send(thread=thread, text=f"text {self._done}", token=f"token-{self._done}"),
            "again": c.Send(thread=thread, text="the same", token="a-token"),
            "other": c.Send(thread=thread, text="not the same", token="a-token"),
            "reply": c.Send(thread=thread, text="yes", token=f"token-{self._done}", reply_to=Seq(1)),
            "typing": c.Typing(thread=thread),
            "read": c.MarkRead(thread=thread, upto=Seq(99)),
            "delivered": c.MarkDelivered(thread=thread, upto=Seq(99)),
            "open": c.OpenThread(as_=own, account=other, confirm=True),
            "propose": c.OpenThread(account=other),
            "explain": q.Explain(as_=own, account=other),
            "preview": q.PreviewSend(thread=thread, text="word " * 300),
            "quote": q.PreviewSend(thread=thread, text="yes", reply_to=Seq(1)),
            "find": q.FindAccount(account=other),
            **dict.fromkeys([*TieKind], c.SetTie(as_=own, account=other, tie=tie)),
            **dict.fromkeys(
                ["unfriend", "unfollow"], c.SetTie(as_=own, account=other, tie=tie, on=False)
            ),
            "confirm": c.AnswerTie(as_=own, account=other, tie=TieKind.FRIEND, accept=True),
            "link": c.AskLink(as_=own, network=there.network, handle=there.handle),
            "archive": c.Archive(threads=(thread,)),
            "accept": c.Accept(threads=(thread,)),
            "decline": c.Decline(threads=(thread,)),
            "hide": c.Decline(threads=(thread,), hide=True),
            "upload": c.UploadContacts(as_=own, phones=(phone_of(name),)),
        }[deed]  # fmt: skip

    def heard(self) -> list[str]:
        """Give what both accounts of the speaker's person were told since, as they see it."""
        world, told = self.world, []
        for name in (self.names["s"], _twin(self.names["s"])):
            account = world.account(name)
            for event in world.heard(name):
                is_said = isinstance(event, Message)
                told.append(
                    repr(world.look(lambda: message_view(world.facts, event, account)) if is_said else event)  # noqa: B023  # looked at right here
                )
            told += map(repr, world.passing.pop(account.id, []))
        return told


def _live_on(lives: tuple[Life, Life], tried: list[str]) -> None:
    one, other = lives
    for what in tried:
        shown = one.act(what), other.act(what)
        if what.startswith("s"):
            assert shown[0] == shown[1], what
        assert one.heard() == other.heard(), what


def _lives(pair: tuple[str, str], before: list[str], secrets: tuple[Secret, Secret]) -> tuple[Life, Life]:
    lives = Life(*pair), Life(*pair)
    for life, secret in zip(lives, secrets, strict=True):
        for what in before:
            life.act(what)
        life.heard()
        secret(life.world, *pair)
        assert life.heard() == [], "the sender is not told"
    return lives


def _two_of(secrets: dict[str, Secret]) -> Any:
    name = st.sampled_from(sorted(secrets))
    return st.tuples(name, name)


before_lists = st.lists(st.sampled_from(BEFORE), max_size=7)
tried_lists = st.lists(st.sampled_from(TRIED), min_size=1, max_size=8)
often = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@often
@given(pair=st.sampled_from(PAIRS), before=before_lists, tried=tried_lists, data=st.data())
def test_who_is_refused_cannot_tell_why(
    pair: tuple[str, str], before: list[str], tried: list[str], data: st.DataObject
) -> None:
    crosses = pair[0].endswith("m") is not pair[1].endswith("m")
    secrets = REFUSING_CROSSINGS if crosses else REFUSING
    one, other = data.draw(_two_of(secrets))

    _live_on(_lives(pair, before, (secrets[one], secrets[other])), tried)


@pytest.mark.slow
@often
@given(pair=st.sampled_from(PAIRS), before=before_lists, tried=tried_lists, names=_two_of(TAKING))
def test_who_is_taken_cannot_tell_where_it_lands(
    pair: tuple[str, str], before: list[str], tried: list[str], names: tuple[str, str]
) -> None:
    one, other = (TAKING[name] for name in names)
    lives = _lives(pair, before, (one, other))
    speaker, receiver = pair
    if any(life.world.side(receiver, speaker).has_answered for life in lives):
        # What a reader shows who answered ends with a restriction, as it does when he switches it off.
        tried = [what for what in tried if what not in (*SHOWN_BY_A_READER, "s presence")]

    _live_on(lives, tried)


@pytest.mark.slow
@often
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["bob", "bobm"]),
            st.sampled_from(["ann", "annm"]),
            st.sampled_from([*TRIED, "r send", "r accept"]),
        ),
        min_size=2,
        max_size=12,
    ),
    when=st.integers(0, 6),
    hybrid=st.sampled_from([Hybrid.NEVER, Hybrid.ON]),
)
def test_nobody_sees_that_two_others_become_one_person(
    steps: list[tuple[str, str, str]], when: int, hybrid: Hybrid
) -> None:
    lives = Life("bob", "ann"), Life("bob", "ann")
    for life in lives:
        life.world.unlink("ann")
        life.world.put(replace(life.world.account("ann"), hybrid=hybrid))

    for step, (speaker, receiver, what) in enumerate(steps):
        for life in lives:
            life.names = {"s": speaker, "r": receiver}
        if step == when:
            lives[0].world.link("ann", "annm")
        _live_on(lives, [what])
