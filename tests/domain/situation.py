"""Turns a row of the reference table into facts for the rules."""

from msgspec.structs import replace

from bridge.domain.content import first_link
from bridge.domain.facts import Facts
from bridge.domain.model import Account, Controls, Decision, Member, Message, Person, Thread
from bridge.domain.outcome import Outcome
from bridge.domain.policy import Policy
from bridge.domain.routing import ORDER, Route, Rule, decide_route, route
from bridge.domain.rules.messages import must_wait
from bridge.ids import AccountId, PersonId, Seq, home_of, thread_of_pair
from bridge.wire.values import AccountState, Consent, Folder, Hybrid, Network
from tests.domain.reference.fixture import OTHER_NETWORK, Party, Row, Standing
from tests.domain.reference.fixture import Tie as FixtureTie
from tests.domain.world import World, fresh_contacts, with_phone

STATES = {
    "landed": (Folder.INBOX, Consent.NONE),
    "request": (Folder.REQUESTS, Consent.PENDING),
    "hidden": (Folder.HIDDEN, Consent.PENDING),
    "declined": (Folder.NONE, Consent.DECLINED),
    "accepted": (Folder.INBOX, Consent.NONE),
}


def world_of(row: Row) -> World:
    """Build the situation of a row; its accounts are named S, R and, where linked, S2 and R2."""
    shut = frozenset({Network(row.receiver.network)}) if row.floor else frozenset()
    world = World(Policy(shut_networks=shut))
    for name, party in (("S", row.sender), ("R", row.receiver)):
        person = PersonId("pSR") if row.same_person else home_of(AccountId(f"a{name}"))
        _add(world, name, party, person, twin=party.linked and not row.same_person)
    if row.same_person:
        world.put(Person(id=PersonId("pSR"), accounts=(AccountId("aS"), AccountId("aR"))))
    if row.spam:
        world.put(replace(world.account("S"), suspected=True))
    for tie in row.ties:
        _tie(world, tie)
    _stand(world, row)
    return world


def decision_of(world: World, order: tuple[Rule, ...] = ORDER) -> Decision:
    """Decide S's next message to R."""
    decision: Decision = world.look(lambda: decide_route(_route(world.facts, world), order))
    return decision


def sender_class(world: World, decision: Decision, *, is_text: bool) -> str:
    """Say what S is told of it; also for media, which no command carries yet."""
    if decision.rule == "self":
        return "cannot_message_self"
    mine, theirs = world.side("S", "R"), world.side("R", "S")
    if world.look(lambda: must_wait(world.facts, mine, theirs, is_text=is_text)):
        return "request_pending"
    return "not_accepting" if decision.outcome == "none" else "ok"


def _route(facts: Facts, world: World) -> Route:
    sender, receiver = AccountId("aS"), AccountId("aR")
    side = facts.find_member(thread_of_pair(sender, receiver), receiver)
    return route(facts, world.policy, sender, receiver, side)


def _add(world: World, name: str, party: Party, person: PersonId, *, twin: bool) -> None:
    names = [name, f"{name}2"] if twin else [name]
    networks = [party.network, OTHER_NETWORK[party.network]]
    for own, network in zip(names, networks, strict=False):
        account = Account(
            id=AccountId(f"a{own}"),
            network=Network(network),
            handle=own,
            name=own,
            person=person,
            hybrid=Hybrid(party.hybrid),
            state=AccountState(party.state) if own == name else AccountState.ACTIVE,
            private=party.private,
        )
        world.put(account)
        with_phone(world, own)
    world.put(
        Person(id=person, accounts=tuple(AccountId(f"a{own}") for own in names)),
        Controls(
            account=AccountId(f"a{name}"),
            version=3,
            outcomes=party.controls,
            keep_connected=party.keep_connected,
        ),
    )


def _tie(world: World, tie: FixtureTie) -> None:
    match tie.verb:
        case "follows" | "blocks" | "restricts":
            world.put(replace(world.tie(tie.a, tie.b), **{tie.verb: True}))
        case "declined":
            world.put(replace(world.tie(tie.a, tie.b), hides=True))
        case "friends":
            _befriend(world, tie.a, tie.b)
        case "mutual friend":
            _befriend(world, tie.a, "both")
            _befriend(world, tie.b, "both")
        case "has number of":
            world.put(fresh_contacts(world, tie.a, tie.b))
        case "got number of":
            world.put(fresh_contacts(world, tie.a, tie.b, since=world.now + 1))
        case "chatted with":
            _seats(world, tie.a, tie.b, Standing(state="accepted", wrote=(tie.a,)))
        case other:
            raise ValueError(f"unknown tie: {other}")


def _befriend(world: World, one: str, other: str) -> None:
    world.put(replace(world.tie(one, other), friend=True), replace(world.tie(other, one), friend=True))


def _stand(world: World, row: Row) -> None:
    if row.thread.state == "new":
        world.open("S", "R")
    elif row.thread.state != "none":
        _seats(world, "R", "S", row.thread)


def _seats(world: World, receiver: str, sender: str, standing: Standing) -> None:
    """Put a thread as it stands: the state is the receiver's."""
    name = world.thread(receiver, sender)
    low, high = sorted((AccountId(f"a{receiver}"), AccountId(f"a{sender}")))
    said = {who: int(who in standing.wrote) for who in (receiver, sender)}
    if standing.state == "archived":
        folder, consent = Folder.ARCHIVED, Consent.PENDING
        accepted = standing.accepted
    else:
        folder, consent = STATES[standing.state]
        accepted = standing.state == "accepted" and not said[receiver]
    if accepted:
        consent = Consent.ACCEPTED
    elif said[receiver]:
        consent = Consent.NONE
    own = Member(
        thread=name,
        account=AccountId(f"a{receiver}"),
        folder=folder,
        consent=consent,
        started=standing.started_by == receiver,
        sent=said[receiver],
        unseen=accepted and not standing.visible,
    )
    other = Member(
        thread=name,
        account=AccountId(f"a{sender}"),
        folder=Folder.INBOX,
        started=standing.started_by == sender,
        sent=said[sender],
    )
    world.put(Thread(id=name, members=(low, high), tip=sum(said.values()), link=first_link(name)), own, other)
    if standing.started_by is not None:
        starter = AccountId(f"a{standing.started_by}")
        first = Message(
            thread=name,
            seq=Seq(1),
            sender=starter,
            at=world.now,
            content=None,
            salt=None,
            digest=b"",
            link=b"",
        )
        world.keep(Outcome(messages=[first]))
