"""A little world that plays the hub's pipeline: it loads, decides, keeps, and answers by brute force."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from bridge.domain.answers import FactQuery, answer
from bridge.domain.decide import decide
from bridge.domain.deeds import ChangeAccount, CreateAccount, Deed
from bridge.domain.facts import Facts, Missing
from bridge.domain.keys import key_of
from bridge.domain.model import (
    Account,
    AuditLine,
    ContactList,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    Tie,
)
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.policy import Policy
from bridge.domain.questions import (
    Question,
)
from bridge.domain.rules.controls import looks_back, preview_controls, shut_by
from bridge.domain.rules.graph import phone_hash
from bridge.errors import BridgeError
from bridge.ids import AccountId, ThreadId, thread_of_pair
from bridge.wire.commands import (
    Accept,
    Archive,
    Command,
    Decline,
    LeaveHybrid,
    Link,
    OpenThread,
    Send,
    SetControls,
    SetTie,
    UndoUnlink,
    Unlink,
    Upgrade,
    UploadContacts,
)
from bridge.wire.events import JournalEvent
from bridge.wire.queries import Explain, GetControls, PreviewControls
from bridge.wire.replies import Controls as ControlsReply
from bridge.wire.replies import Explained, Reply
from bridge.wire.values import Network, TieKind
from tests.domain.brute import all_of, answered, arrivals

NOON = 1_700_000_000_000
PHONE_KEY = b"key of the hub's phones"


def accounts_named(*names: str) -> tuple[AccountId, ...]:
    """Give the ids of accounts by the names that tests use."""
    return tuple(AccountId(f"a{name}") for name in names)


Query = FactQuery | PreviewControls
"""What needs no listing of the store but the past of a preview."""


class World:
    """Accounts, their records and everything that they were told. Names of accounts are their handles too.

    Attributes:
        facts: What the rules see; between commands it holds nothing that ``records`` does not.
        policy: What the operator decided.
        now: The clock, in milliseconds since 1970; only tests move it.
        told: What each account heard, in order.
        audit: The audit log.
        loaded: The kinds of what was loaded, in order.
        looks: How often something was loaded.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy(link_from=None)
        self.now = NOON
        self.records: dict[tuple[type, object], Any] = {}
        self.facts = Facts()
        self.told: dict[AccountId, list[Message | JournalEvent]] = {}
        self.passing: dict[AccountId, list[object]] = {}
        self.audit: list[AuditLine] = []
        self.loaded: list[type] = []
        self.looks = 0
        self._chance = 0
        self._tokens = 0

    # --- the pipeline

    def run(self, account: str, command: Command | Deed, **more: Any) -> Outcome:
        """Decide a command for a device of an account and keep what comes of it; a malformed one raises."""
        scene = self.scene(account, **more)
        outcome: Outcome = self._loading(lambda: decide(scene, command))
        self.keep(outcome)
        return outcome

    def say(self, account: str, command: Command | Deed, **more: Any) -> Reply:
        """Run a command that must succeed, and give the answer."""
        reply = self.run(account, command, **more).reply
        assert not isinstance(reply, BridgeError), reply.code
        return reply

    def refusal(self, account: str, command: Command | Deed | Query, **more: Any) -> str:
        """Run a command or query that must be refused, raised or as its verdict; give the code."""
        try:
            if isinstance(command, Query):
                reply: Reply | BridgeError = self.ask(account, command)
            else:
                reply = self.run(account, command, **more).reply
        except BridgeError as error:
            reply = error
        assert isinstance(reply, BridgeError), reply
        return reply.code

    def ask(self, account: str, query: Query) -> Reply:
        """Answer a query."""
        scene = self.scene(account)

        def look() -> Reply:
            if isinstance(query, PreviewControls):
                past = arrivals(self.records, *looks_back(scene, query))
                return preview_controls(scene, query, [shut_by(scene, one, query) for one in past])
            return answer(scene, query)

        reply: Reply = self._loading(look)
        return reply

    def look(self, question: Any) -> Any:
        """Call anything that reads facts, loading what it lacks."""
        return self._loading(question)

    def scene(self, account: str, *, proven: Iterable[str] = (), in_flight: int = 0) -> Scene:
        """Make what a rule sees of a device of this account."""
        return Scene(
            facts=self.facts,
            policy=self.policy,
            account=AccountId(f"a{account}"),
            now=self.now,
            chance=self._bytes,
            proven=frozenset(accounts_named(*proven)),
            phone_key=PHONE_KEY,
            in_flight=in_flight,
        )

    def keep(self, outcome: Outcome) -> None:
        """Commit an outcome."""
        self.facts.apply([*outcome.records, *outcome.messages])
        self.facts.forget_answers()
        for record in (*outcome.records, *outcome.messages):
            self.records[key_of(record)] = record
        self.audit += outcome.audit
        for event, hearers in outcome.told:
            for hearer in hearers:
                self.told.setdefault(hearer, []).append(event)
        for passing, hearers in outcome.passing:
            for hearer in hearers:
                self.passing.setdefault(hearer, []).append(passing)

    def put(self, *records: StoredRecord) -> None:
        """Put records as if they had always been so."""
        self.keep(Outcome(records=list(records)))

    def heard(self, account: str, kind: type | None = None) -> list[Any]:
        """Give what an account heard so far, and forget it."""
        heard = self.told.pop(AccountId(f"a{account}"), [])
        return [event for event in heard if kind is None or isinstance(event, kind)]

    def _loading(self, act: Any) -> Any:
        while True:
            try:
                return act()
            except Missing as missing:
                self.looks += 1
                for key in missing.keys:
                    kind, name = key
                    self.loaded.append(kind)
                    known = (
                        answered(self.records, name) if isinstance(name, Question) else self.records.get(key)
                    )
                    self.facts.learn(key, known)

    def _bytes(self, count: int) -> bytes:
        self._chance += 1
        return self._chance.to_bytes(count)

    # --- looking

    def account(self, name: str) -> Account:
        """Give an account's record."""
        found = self.records[Account, AccountId(f"a{name}")]
        assert isinstance(found, Account)
        return found

    def person(self, name: str) -> Person:
        """Give the record of an account's person."""
        found = self.records[Person, self.account(name).person]
        assert isinstance(found, Person)
        return found

    def tie(self, owner: str, other: str) -> Tie:
        """Give what an account has to do with another."""
        ids = accounts_named(owner, other)
        found = self.records.get((Tie, ids)) or Tie(owner=ids[0], other=ids[1])
        assert isinstance(found, Tie)
        return found

    def side(self, owner: str, other: str) -> Member:
        """Give an account's side of its thread with another; an empty one if there is none."""
        own, name = AccountId(f"a{owner}"), self.thread(owner, other)
        found = self.records.get((Member, (name, own))) or Member(thread=name, account=own)
        assert isinstance(found, Member)
        return found

    def thread(self, one: str, other: str) -> ThreadId:
        """Name the thread of two accounts."""
        return thread_of_pair(*accounts_named(one, other))

    def tip(self, one: str, other: str) -> int:
        """Say how many messages two accounts have exchanged."""
        thread = self.records.get((Thread, self.thread(one, other)))
        return thread.tip if isinstance(thread, Thread) else 0

    def all(self, kind: type) -> list[Any]:
        """Give all records of a kind."""
        return all_of(self.records, kind)

    # --- acting, in people's words

    def join(self, name: str, network: str, **more: Any) -> None:
        """Let the operator make an account."""
        deed = CreateAccount(
            network=Network(network), handle=name, name=name.title(), account=AccountId(f"a{name}"), **more
        )
        self.run(name, deed)

    def change(self, name: str, **changes: Any) -> None:
        """Let the operator change an account."""
        self.run(name, ChangeAccount(account=AccountId(f"a{name}"), **changes))

    def link(self, own: str, other: str) -> Outcome:
        """Link two accounts with the right password."""
        return self._join(Link, own, other)

    def unlink(self, name: str) -> Outcome:
        """Take an account out of its person."""
        return self.run(name, Unlink(as_=AccountId(f"a{name}")))

    def undo_unlink(self, own: str, other: str) -> Outcome:
        """Take the last unlink of two accounts back, with the right password."""
        return self._join(UndoUnlink, own, other)

    def _join(self, kind: type[Link] | type[UndoUnlink], own: str, other: str) -> Outcome:
        it = self.account(other)
        command = kind(as_=AccountId(f"a{own}"), network=it.network, handle=it.handle, password="right")
        return self.run(own, command, proven=(other,))

    def upgrade(self, name: str) -> Outcome:
        """Take hybrid messaging."""
        return self.run(name, Upgrade(as_=AccountId(f"a{name}")))

    def leave(self, name: str) -> Outcome:
        """Leave hybrid messaging."""
        return self.run(name, LeaveHybrid(as_=AccountId(f"a{name}")))

    def set_controls(self, name: str, keep: bool | None = None, **outcomes: str) -> Outcome:
        """Change an account's controls at their newest version."""
        own = AccountId(f"a{name}")
        now = self.ask(name, GetControls(as_=own))
        assert isinstance(now, ControlsReply)
        return self.run(
            name, SetControls(as_=own, if_version=now.version, controls=outcomes, keep_connected=keep)
        )

    def set_tie(self, kind: str, own: str, other: str, on: bool = True) -> Outcome:
        """Follow, befriend, block or restrict; or stop to."""
        ids = accounts_named(own, other)
        return self.run(own, SetTie(as_=ids[0], account=ids[1], tie=TieKind(kind), on=on))

    def befriend(self, one: str, other: str) -> None:
        """Make two accounts friends, both agreeing."""
        self.set_tie("friend", one, other)
        self.set_tie("friend", other, one)

    def has_number(self, owner: str, *others: str) -> None:
        """Put the others' numbers into an account's contacts."""
        phones = tuple(phone_of(other) for other in others)
        self.run(owner, UploadContacts(as_=AccountId(f"a{owner}"), phones=phones))

    def open(self, own: str, other: str) -> Outcome:
        """Open the thread with another, knowingly as this account."""
        ids = accounts_named(own, other)
        return self.run(own, OpenThread(as_=ids[0], account=ids[1], confirm=True))

    def send(self, own: str, other: str, text: str = "hello", **more: Any) -> Outcome:
        """Open the thread if need be, and send one message under a new token."""
        self.open(own, other)
        self._tokens += 1
        token = more.pop("token", f"token-{self._tokens:04}")
        return self.run(own, Send(thread=self.thread(own, other), text=text, token=token, **more))

    def sent(self, own: str, other: str, text: str = "hello", **more: Any) -> str:
        """Send, and say what the sender learns: ``ok`` or a code."""
        reply = self.send(own, other, text, **more).reply
        return reply.code if isinstance(reply, BridgeError) else "ok"

    def accept(self, own: str, other: str) -> Outcome:
        """Accept the other's request."""
        return self.run(own, Accept(threads=(self.thread(own, other),)))

    def decline(self, own: str, other: str, *, hide: bool = False) -> Outcome:
        """Decline the other's request."""
        return self.run(own, Decline(threads=(self.thread(own, other),), hide=hide))

    def archive(self, own: str, other: str, *, on: bool = True) -> Outcome:
        """Put the thread with the other away, or back."""
        return self.run(own, Archive(threads=(self.thread(own, other),), on=on))

    def explain(self, own: str, other: str) -> Mapping[str, Any]:
        """Tell where the other's next message would land, as its receiver may know."""
        ids = accounts_named(own, other)
        reply = self.ask(own, Explain(as_=ids[0], account=ids[1]))
        assert isinstance(reply, Explained)
        view = reply.decision
        return {"outcome": view.outcome, "rule": view.rule, "category": view.category, "facts": view.facts}


def phone_of(name: str) -> str:
    """Give the verified number of a named account."""
    return "+1" + "".join(str(ord(letter) % 10) for letter in name).ljust(9, "0")


def fresh_contacts(world: World, owner: str, *others: str, since: int = 0) -> ContactList:
    """Make an account's contacts as a record, past the daily cap."""
    phones = {phone_hash(PHONE_KEY, phone_of(other)).hex(): since for other in others}
    return ContactList(account=AccountId(f"a{owner}"), phones=phones)


def with_phone(world: World, name: str) -> None:
    """Verify an account's number."""
    world.put(replace(world.account(name), phone=phone_hash(PHONE_KEY, phone_of(name))))
