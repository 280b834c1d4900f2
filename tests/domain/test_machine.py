"""Whatever people do, in whatever order, the rules and a small model written another way agree."""

import os
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from bridge.domain.hold import Hold
from bridge.domain.model import Decision, Member, Thread, ThreadKind
from bridge.domain.outcome import Outcome
from bridge.domain.policy import Policy
from bridge.domain.routing import NOT_DELIVERED, decide_route, route, shown_to_receiver
from bridge.errors import BridgeError
from bridge.ids import AccountId, ThreadId, thread_of_pair
from bridge.wire.commands import UploadContacts
from bridge.wire.queries import Explain, PreviewControls, PreviewLeaveHybrid, PreviewUnlink
from bridge.wire.replies import ControlsChanged, ControlsPreview, Effects, Explained
from bridge.wire.values import AccountState, Consent
from tests.domain.archives import LONG, bring_in, stand_in
from tests.domain.reference.archives import Chat, ModelWithArchives
from tests.domain.reference.categories import DEFAULTS
from tests.domain.reference.model import Refused
from tests.domain.world import World, accounts_named, phone_of

NETWORKS = {"ann": "direct", "bob": "direct", "eve": "direct", "annm": "messenger", "bobm": "messenger"}
COUPLES = [("ann", "bob"), ("annm", "bob"), ("ann", "bobm"), ("annm", "bobm")]
DAY_MS = 86_400_000
RELEASE = os.environ.get("ISTHMUS_RELEASE") == "1"

names = st.sampled_from(sorted(NETWORKS))
# Whose turn it is: mostly the couple's, either way round, so that things meet.
NEIGHBOURS = ["there", "there", "there", "back", "back", "there twin", "twin there", "twins", "other", "else"]
turns = st.sampled_from(NEIGHBOURS)
# A waiting request has no words of its owner's: writing would have accepted it.
chats = st.sampled_from(
    [
        *(("inbox", form) for form in ("long", "long", "own", "other")),
        *(("archived", form) for form in ("long", "other")),
        *((section, "other") for section in ("requests", "filtered")),
    ]
)
lists = st.sets(st.sampled_from(["following", "follower", "blocked", "restricted", "friend"]), max_size=2)
categories = st.sampled_from(sorted({name for network in DEFAULTS.values() for name in network}))


def twin_of(name: str) -> str:
    """Name the account on the other network that belongs to the same human."""
    return name[:3] if name.endswith("m") else f"{name}m"


def _refused(act: Callable[[], object]) -> str | None:
    """Do it; give the code if it was refused, raised or as its answer."""
    try:
        done = act()
    except (BridgeError, Refused) as refusal:
        return refusal.code
    reply = done.reply if isinstance(done, Outcome) else None
    return reply.code if isinstance(reply, BridgeError) else None


class People(RuleBasedStateMachine):
    """Five accounts of three people who do to each other what people do."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Policy(link_from=None, undo_unlink_s=365 * DAY_MS // 1000))
        self.model = ModelWithArchives()
        self.couple = self.last = ("ann", "bob")
        for name, network in NETWORKS.items():
            self.world.join(name, network, phone=phone_of(name))
            self.model.add_account(name, network)

    def _both(self, world: Callable[[], object], model: Callable[[], object]) -> None:
        """Do the same in both; either both refuse it or neither does."""
        assert (_refused(world) is None) == (_refused(model) is None)

    def _approach(self, who: Sequence[str], world: Callable[[], object], model: Callable[[], object]) -> None:
        """Do the same in both, unless one of these is away and so approaches nobody."""
        if any(self.world.account(name).state != "active" for name in who):
            assert _refused(world) is not None
        else:
            self._both(world, model)

    def _pair(self, turn: str) -> tuple[str, str]:
        one, other = self.couple
        return {
            "there": (one, other),
            "back": (other, one),
            "there twin": (one, twin_of(other)),
            "twin there": (twin_of(one), other),
            "twins": (twin_of(one), twin_of(other)),
            "other": (twin_of(other), one),
            "else": ("eve", other),
        }[turn]

    @initialize(
        couple=st.sampled_from(COUPLES), linked=st.sets(st.sampled_from(["ann", "bob"])), graph=st.booleans()
    )
    def begin(self, couple: tuple[str, str], linked: set[str], graph: bool) -> None:
        self.couple = self.last = couple
        for name in sorted(linked):
            self.link_with_the_own_twin_and_upgrade(name)
        if graph:
            self.tie("there", "follow", True)
            self.tie("twins", "friend", True)

    # --- accounts, persons, links

    @rule(turn=turns)
    def link(self, turn: str) -> None:
        pair = self._pair(turn)
        self._approach(pair, lambda: self.world.link(*pair), lambda: self.model.link(*pair))

    @rule(name=st.sampled_from(["ann", "annm", "bob", "bobm"]))
    def link_with_the_own_twin_and_upgrade(self, name: str) -> None:
        one, two = name[:3], f"{name[:3]}m"
        self._approach((one, two), lambda: self.world.link(one, two), lambda: self.model.link(one, two))
        self._both(lambda: self.world.upgrade(one), lambda: self.model.upgrade(one))

    @rule(name=names)
    def unlink(self, name: str) -> None:
        if len(self.model.persons[name]) > 1:
            previewed = self.world.ask(name, PreviewUnlink(as_=AccountId(f"a{name}")))
            (direct,) = (own for own in self.model.persons[name] if NETWORKS[own] == "direct")
            crossed = self.model.accounts[direct].hybrid == "on"
            ended = self._crossings(direct, "pending") if crossed else []
            done = self.world.unlink(name).reply
            assert isinstance(done, Effects)
            assert replace(done, undo_until=None) == previewed
            self.model.unlink(name)
            shut = self._crossings(direct, "none", "accepted") if crossed else []
            assert (done.threads_closed, done.requests_lapsed) == (len(shut), len(ended))

    def _crossings(self, own: str, *consents: str) -> list[ThreadId]:
        """Name the threads with the other network that an account can find, by what it answered them."""
        sides = [
            side for side in self.world.all(Member) if side.account == f"a{own}" and side.folder != "none"
        ]
        threads = [self.world.records[Thread, side.thread] for side in sides if side.consent in consents]
        return [
            thread.id
            for thread in threads
            if len({self.world.account(member[1:]).network for member in thread.members}) > 1
        ]

    @rule(turn=st.sampled_from(["own", "own", *NEIGHBOURS]))
    def undo_an_unlink(self, turn: str) -> None:
        one, other = (self.couple[0], twin_of(self.couple[0])) if turn == "own" else self._pair(turn)
        self._approach(
            (other,), lambda: self.world.undo_unlink(one, other), lambda: self.model.undo_unlink(one, other)
        )

    @rule(name=st.sampled_from(["ann", "bob", "eve"]))
    def upgrade(self, name: str) -> None:
        self._both(lambda: self.world.upgrade(name), lambda: self.model.upgrade(name))

    @rule(name=names)
    def leave_hybrid(self, name: str) -> None:
        query = PreviewLeaveHybrid(as_=AccountId(f"a{name}"))

        def leave() -> None:
            previewed = self.world.ask(name, query)
            assert self.world.leave(name).reply == previewed

        self._both(leave, lambda: self.model.leave_hybrid(name))

    @rule(name=names, state=st.sampled_from(["active", "active", "deactivated"]))
    def come_and_go(self, name: str, state: str) -> None:
        self.world.change(name, state=AccountState(state))
        self.model.set_state(name, state)

    # --- settings and ties

    @rule(name=names, category=categories, outcome=st.sampled_from(["none", "inbox", "requests", "none"]))
    def set_control(self, name: str, category: str, outcome: str) -> None:
        query = PreviewControls(as_=AccountId(f"a{name}"), controls={category: outcome})

        def change() -> None:
            previewed = self.world.ask(name, query)
            done = self.world.set_controls(name, None, **{category: outcome}).reply
            assert isinstance(previewed, ControlsPreview)
            assert isinstance(done, ControlsChanged)
            assert done.effects == previewed.effects
            again = self.world.ask(name, query)
            assert isinstance(again, ControlsPreview)
            assert again.effects == Effects(), "what was done is not left to be done"

        self._both(change, lambda: self.model.set_control(name, category, outcome))

    @rule(name=names, keep=st.booleans())
    def set_keep_connected(self, name: str, keep: bool) -> None:
        self._both(
            lambda: self.world.set_controls(name, keep=keep),
            lambda: self.model.set_keep_connected(name, keep),
        )

    @rule(
        turn=turns,
        kind=st.sampled_from(["block", "restrict", "restrict", "follow", "friend"]),
        on=st.booleans(),
    )
    def tie(self, turn: str, kind: str, on: bool) -> None:
        pair = self._pair(turn)
        self.last = pair
        if pair[1] in self.model.persons[pair[0]] and not on:
            return
        acts = {
            ("block", True): self.model.block,
            ("block", False): self.model.unblock,
            ("restrict", True): self.model.restrict,
            ("restrict", False): self.model.unrestrict,
            ("follow", True): self.model.follow,
            ("follow", False): self.model.unfollow,
            ("friend", True): self.model.befriend,
            ("friend", False): self.model.unfriend,
        }
        at_home = {"follow": "direct", "friend": "messenger"}.get(kind)
        if at_home is not None and {NETWORKS[pair[0]], NETWORKS[pair[1]]} != {at_home}:
            assert _refused(lambda: self.world.set_tie(kind, *pair, on)) is not None
        elif kind == "friend" and on:
            self._approach(pair, lambda: self.world.befriend(*pair), lambda: self.model.befriend(*pair))
        elif kind == "follow" and on:
            self._approach(
                pair[:1], lambda: self.world.set_tie(kind, *pair, on), lambda: self.model.follow(*pair)
            )
        else:
            self._both(lambda: self.world.set_tie(kind, *pair, on), lambda: acts[kind, on](*pair))

    @rule(turn=turns)
    def put_into_contacts(self, turn: str) -> None:
        pair = self._pair(turn)
        self.last = pair
        owner, other = pair
        self.model.add_contact(owner, other)
        known = tuple(phone_of(b) for a, b in sorted(self.model.contacts) if a == owner)
        self.world.now += DAY_MS
        self.world.run(owner, UploadContacts(as_=AccountId(f"a{owner}"), phones=known))

    # --- writing and answering

    @rule(turn=turns, spam=st.booleans())
    def send(self, turn: str, spam: bool) -> None:
        pair = self._pair(turn)
        self.last = pair
        sender, receiver = pair
        if self.world.account(sender).suspected is not spam:
            self.world.change(sender, suspected=spam)
        if receiver not in self.model.persons[sender]:
            self.model.open(sender, receiver)
            told = self._told(sender, receiver)
        else:
            told = _refused(lambda: self.world.send(sender, receiver)) or "ok"
        assert told == self.model.send(sender, receiver, spam=spam).sender_class

    def _told(self, sender: str, receiver: str) -> str:
        try:
            return self.world.sent(sender, receiver)
        except BridgeError as refusal:
            return refusal.code

    @rule(turn=turns)
    def reply(self, turn: str) -> None:
        pair = self._pair(turn)
        if self.world.tip(*pair):
            self.send(turn, spam=False)

    @rule(turn=turns)
    def accept(self, turn: str) -> None:
        pair = self._pair(turn)
        self._answer(pair, lambda: self.world.accept(*pair), lambda: self.model.accept(*pair))

    @rule(turn=turns, hide=st.booleans())
    def decline(self, turn: str, hide: bool) -> None:
        pair = self._pair(turn)
        self._answer(
            pair, lambda: self.world.decline(*pair, hide=hide), lambda: self.model.decline(*pair, hide=hide)
        )

    def _answer(
        self, pair: tuple[str, str], world: Callable[[], object], model: Callable[[], object]
    ) -> None:
        self.last = pair
        waits = self.world.side(*pair).consent is Consent.PENDING
        assert (_refused(model) is None) == waits
        if waits:
            world()

    @rule(turn=turns)
    def archive(self, turn: str) -> None:
        pair = self._pair(turn)
        if self.world.tip(*pair) and self.world.side(*pair).folder != "archived":
            self._both(lambda: self.world.archive(*pair), lambda: self.model.archive(*pair))

    # --- archives that come in the middle of a life

    @rule(turn=turns, chat=chats, lists=lists, is_known=st.booleans())
    def bring_in_an_archive(self, turn: str, chat: tuple[str, str], lists: set[str], is_known: bool) -> None:
        own, other = self._on_one_network(turn)
        self.last = (own, other)
        section, form = chat
        told = Chat(section, form, stand_in(own, other), LONG if form == "long" else 2)
        bring_in(self.world, own, other, section=section, form=form, lists=lists, is_known=is_known)
        self.model.bring_in(own, other, told, lists, is_known=is_known)

    @rule(turn=turns, section=st.sampled_from(["inbox", "archived"]))
    def bring_in_both_sides_of_a_chat(self, turn: str, section: str) -> None:
        self.bring_in_an_archive(turn, (section, "long"), {"friend"}, False)
        own, other = self.last
        chat = Chat("inbox", "long", stand_in(other, own), LONG)
        bring_in(self.world, other, own, section="inbox", form="long", lists={"friend"})
        self.model.bring_in(other, own, chat, {"friend"}, is_known=False)

    @rule(turn=turns)
    def write_to_somebody_of_whom_only_an_archive_speaks(self, turn: str) -> None:
        own, other = self._on_one_network(turn)
        absent = stand_in(own, other)
        if frozenset({own, absent}) in self.model.threads:
            assert self._told(own, absent) == self.model.send(own, absent).sender_class

    def _on_one_network(self, turn: str) -> tuple[str, str]:
        """Give a pair whose one side may tell of the other: an archive tells of its own network only."""
        own, other = self._pair(turn)
        return (own, other) if NETWORKS[own] == NETWORKS[other] else (own, twin_of(other))

    # --- what must be the same

    @invariant()
    def the_same_threads_lie_in_the_same_folders(self) -> None:
        pairs = [thread for thread in self.world.all(Thread) if thread.kind is ThreadKind.PAIR and thread.tip]
        said = {frozenset(member[1:] for member in thread.members) for thread in pairs}
        withdrawn = {
            frozenset({own, chat.stand_in})
            for (own, other), chat in self.model.chats.items()
            if (own, other) in self.model.known
        }
        assert said - withdrawn <= self.model.threads.keys()
        for pair in self.model.threads:
            assert pair in said or pair <= NETWORKS.keys()
            for owner in pair & NETWORKS.keys():
                (other,) = pair - {owner}
                folder = str(self.world.side(owner, other).folder)
                assert ("nowhere" if folder == "none" else folder) == self.model.folder(owner, other)

    @invariant()
    def the_same_ties_stand(self) -> None:
        for one in NETWORKS:
            for two in NETWORKS.keys() - {one}:
                tie = self.world.tie(one, two)
                assert tie.follows == ((one, two) in self.model.follows)
                assert tie.friend == (frozenset({one, two}) in self.model.friends)
                for hold, marks in (
                    (tie.blocks, self.model.blocks),
                    (tie.restricts, self.model.restrictions),
                    (tie.hides, self.model.hiding),
                ):
                    assert bool(hold) == ((one, two) in marks)
                    assert (hold == Hold.OWN) == ((one, two) in marks.seen), "a list shows what its owner did"

    @invariant()
    def the_same_accounts_take_part_across_the_networks(self) -> None:
        hybrids = {name: str(self.world.account(name).hybrid) for name in self.model.accounts}
        assert hybrids == {name: account.hybrid for name, account in self.model.accounts.items()}

    @invariant()
    def the_next_message_is_decided_by_the_same_rule(self) -> None:
        for sender, receiver in (self.last, self.last[::-1]):
            decision = _next_decision(self.world, *accounts_named(sender, receiver))
            spam = self.world.account(sender).suspected
            assert (decision.outcome, decision.rule) == self.model.judge(sender, receiver, spam=spam)

    @invariant()
    def explanations_tell_what_will_happen_unless_the_sender_or_operator_knows_better(self) -> None:
        for sender, receiver in (self.last, self.last[::-1]):
            own, other = accounts_named(receiver, sender)
            told = self.world.ask(receiver, Explain(as_=own, account=other))
            assert isinstance(told, Explained)
            assert told.decision.rule != NOT_DELIVERED
            if shown_to_receiver(_next_decision(self.world, other, own)) != told.decision:
                suspected = self.world.account(sender).suspected
                assert suspected or self.model.knows_better(sender, receiver)


def _next_decision(world: World, sender: AccountId, receiver: AccountId) -> Decision:
    def decided() -> Decision:
        side = world.facts.find_member(thread_of_pair(sender, receiver), receiver)
        return decide_route(route(world.facts, world.policy, sender, receiver, side))

    decision: Decision = world.look(decided)
    return decision


TestPeople = pytest.mark.slow(People.TestCase)
TestPeople.settings = settings(
    max_examples=10_000 if RELEASE else 400,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
