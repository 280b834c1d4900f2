"""Lists of people: what the owner decides himself counts, what others would have to say is only claimed.

Follows, blocks and restrictions are the owner's own and become ties. Followers
and friendships are others' to confirm. Direct's lists hold handles, which name
an account, or a placeholder that gives its ties to the account once it comes.
Messenger's hold display names, which name nobody: a placeholder of the owner's
own, until a thread proves who it is.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.archive.model import EdgeKind
from bridge.archive.reader import Archive
from bridge.domain.hold import HOLDS, Hold
from bridge.domain.keys import Key
from bridge.domain.model import Account, StoredRecord, Tie
from bridge.domain.networks import NETWORKS, handle_key
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.place import cover
from bridge.domain.questions import HandleOwner, Tightened
from bridge.ids import AccountId, thread_of_pair
from bridge.store.base import Store
from bridge.transfer.desk import gathered, in_pieces
from bridge.transfer.ledger import Ledger, ListEntry, OwnerEntry, list_entries, write
from bridge.transfer.model import Desk, ImportReport
from bridge.transfer.names import one_of_list, one_with_handle, placeholder
from bridge.wire.values import Network, TieKind

PIECE: Final = 500
"""People that are decided upon in one commit."""

_OWN: Final = {EdgeKind.FOLLOWING: "follows", EdgeKind.BLOCKED: "blocks", EdgeKind.RESTRICTED: "restricts"}
FOLLOWS: Final = "follows"
FRIEND: Final = "friend"


class Person(Struct, frozen=True):
    """Somebody in a list: which tie of the owner's it makes, and to whom.

    Attributes:
        name: As the list has it.
        flag: ``follows``, ``blocks``, ``restricts``, or ``claimed`` for a follower.
        account: Whom it names.
        is_account: Whether that is an account and no placeholder.
    """

    name: str
    flag: str
    account: AccountId
    is_account: bool


def count(archive: Archive, report: ImportReport) -> None:
    """Count what the lists hold, for a dry run."""
    network = Network(archive.network)
    for edge in archive.edges():
        flag = flag_of(edge.kind, network)
        if flag == FOLLOWS:
            report.follows += 1
        elif flag == "blocks":
            report.blocks += 1
        elif flag == "restricts":
            report.restricts += 1
        elif flag is not None or edge.kind is EdgeKind.FRIEND:
            report.claimed += 1


def flag_of(kind: EdgeKind, network: Network) -> str | None:
    """Say which part of a tie a list is about, None if the bridge knows no such tie."""
    if kind in (EdgeKind.FOLLOWING, EdgeKind.FOLLOWER) and NETWORKS[network].graph != "follow":
        return None  # following somebody's posts there says nothing of messages
    return "claimed" if kind is EdgeKind.FOLLOWER else _OWN.get(kind)


async def take_up(
    store: Store, desk: Desk, archive: Archive, owner: Account, ledger: Ledger, report: ImportReport
) -> bool:
    """Keep the archive's lists and head, and the ties that follow from what is new in them.

    Returns:
        Whether anything was new.
    """
    moved = await _welcome(store, desk, owner)
    told = archive.owner
    upgrade = archive.upgrade()
    head = OwnerEntry(
        name=told.name,
        handle=told.handle,
        path=min(archive.thread_paths(), default=""),
        links=tuple((one.network, one.name, one.identifier, one.label) for one in archive.links()),
        upgrade=None if upgrade is None else (upgrade.on, upgrade.at_s),
    )
    lists = list_entries(archive.edges())
    _count_all(lists, owner.network, report)
    fresh = Ledger(owner.id)
    for listed in lists:
        fresh.take(listed)
    changed: list[OwnerEntry | ListEntry] = [
        entry for entry in lists if fresh.lists[entry.kind] != ledger.lists.get(entry.kind)
    ]
    if head != ledger.owner:
        changed.append(head)
    people = await _people(store, owner, ledger, fresh)
    for piece in in_pieces(people, PIECE):
        await desk.decide(lambda scene, piece=piece: tie_all(scene, owner.id, piece))  # type: ignore[misc]  # bound per turn
    report.claimed += len(fresh.lists.get(EdgeKind.FRIEND.value, ()))
    if changed:
        await desk.decide(lambda scene: _noted(scene, owner, changed))
        for entry in changed:
            ledger.take(entry)
    return moved or bool(people or changed)


def _count_all(lists: Sequence[ListEntry], network: Network, report: ImportReport) -> None:
    for entry in lists:
        match flag_of(EdgeKind(entry.kind), network):
            case "follows":
                report.follows += len(entry.people)
            case "blocks":
                report.blocks += len(entry.people)
            case "restricts":
                report.restricts += len(entry.people)
            case "claimed":
                report.claimed += len(entry.people)


def _noted(scene: Scene, owner: Account, entries: Sequence[OwnerEntry | ListEntry]) -> Outcome:
    outcome = Outcome()
    write(scene, outcome, owner.id, owner.network, entries)
    account = scene.facts.account(owner.id)
    outcome.records.append(replace(account, epoch=account.epoch + 1))
    outcome.audit.append(scene.note("import", owner.id, "an archive's lists"))
    return outcome


async def _people(store: Store, owner: Account, ledger: Ledger, fresh: Ledger) -> list[Person]:
    """Find out whom the new entries name."""
    new: list[tuple[str, str]] = []
    for kind in EdgeKind:
        flag = flag_of(kind, owner.network)
        if flag is not None:
            known = ledger.names_of(kind)
            new += [(name, flag) for name, _ in fresh.lists.get(kind.value, ()) if name not in known]
    if NETWORKS[owner.network].graph != "follow":
        proven = proven_names(ledger)
        return [
            Person(name, flag, proven.get(name) or one_of_list(owner.id, name), name in proven)
            for name, flag in new
        ]
    found = await accounts_of(store, owner.network, [name for name, _ in new])
    people: list[Person] = []
    for name, flag in new:
        account = found.get(handle_key(name))
        if account is None and flag != "claimed":
            people.append(Person(name, flag, one_with_handle(owner.network, name), False))
        elif account is not None and account != owner.id:
            people.append(Person(name, flag, account, True))
    return people


def proven_names(ledger: Ledger) -> dict[str, AccountId]:
    """Give the names that mean one account: those of one 1:1 thread only, whose other side is known."""
    paths: dict[str, list[str]] = {}
    for path, entry in ledger.threads.items():
        if entry.is_pair:
            paths.setdefault(ledger.other_name(path), []).append(path)
    return {
        name: ledger.resolved[found[0]].account
        for name, found in paths.items()
        if len(found) == 1 and found[0] in ledger.resolved
    }


async def accounts_of(store: Store, network: Network, handles: Sequence[str]) -> dict[str, AccountId]:
    """Find accounts by their handles; the answer is by ``handle_key``."""
    found: dict[str, AccountId] = {}
    for piece in in_pieces(sorted({handle_key(handle) for handle in handles}), PIECE):
        keys: list[Key] = [(HandleOwner, HandleOwner(network, key)) for key in piece]
        answers = await store.load(keys)
        found |= {
            key: AccountId(str(answers[asked]))
            for key, asked in zip(piece, keys, strict=True)
            if answers[asked] is not None
        }
    return found


def tie_all(scene: Scene, owner: AccountId, people: Sequence[Person]) -> Outcome:
    """Make the owner's ties, and the placeholders that they need; a restriction covers its thread."""
    facts, outcome = scene.facts, Outcome()
    network = facts.account(owner).network
    ties = _both_ways(scene, owner, [person.account for person in people])
    known = gathered([_find(scene, person.account) for person in people])
    for person, account in zip(people, known, strict=True):
        mine, theirs = ties[person.account]
        if account is None:
            outcome.records += placeholder(person.account, network, person.name)
        if person.flag == "claimed":
            after = mine if theirs.follows or mine.claimed else replace(mine, claimed=FOLLOWS)
        else:
            after = replace(mine, **{person.flag: Hold.OWN if person.flag in HOLDS else True})
        if after != mine:
            ties[person.account] = (after, theirs)
            outcome.records.append(after)
        if after.follows and theirs.claimed == FOLLOWS:
            outcome.records.append(replace(theirs, claimed=""))
    covered = [person.account for person in people if person.flag == "restricts" and person.is_account]
    outcome.records += covers(scene, owner, covered)
    return outcome


def _find(scene: Scene, account: AccountId) -> Callable[[], Account | None]:
    return lambda: scene.facts.find_account(account)


def _both_ways(
    scene: Scene, owner: AccountId, others: Sequence[AccountId]
) -> dict[AccountId, tuple[Tie, Tie]]:
    def ask(other: AccountId) -> Callable[[], tuple[Tie, Tie]]:
        return lambda: (scene.facts.tie(owner, other), scene.facts.tie(other, owner))

    return dict(zip(others, gathered([ask(other) for other in others]), strict=True))


def covers(scene: Scene, owner: AccountId, others: Sequence[AccountId]) -> list[StoredRecord]:
    """Take the threads with whom the owner restricts out of the inbox, over all accounts of both persons.

    No journal is told: whose threads move take a snapshot.
    """
    facts = scene.facts
    covered: dict[AccountId, list[StoredRecord]] = {}
    for account in others:
        for own in facts.person_of(owner).accounts:
            for other in facts.person_of(account).accounts:
                side = facts.find_member(thread_of_pair(own, other), own)
                if side is not None and (after := cover(side)) is not side:
                    covered.setdefault(own, []).append(after)
    snapshots = [replace(account, epoch=account.epoch + 1) for account in map(facts.account, covered)]
    return [*snapshots, *(record for moved in covered.values() for record in moved)]


async def _welcome(store: Store, desk: Desk, owner: Account) -> bool:
    """Give the owner the ties that others' archives have to his handle."""
    stand_in = one_with_handle(owner.network, owner.handle)
    if (await store.load([(Account, stand_in)]))[Account, stand_in] is None:
        return False
    aimed: dict[AccountId, Tie] = {}
    after: str | None = None
    while page := await store.ties(stand_in, TieKind.FOLLOW, after=after, limit=PIECE):
        aimed |= {tie.owner: tie for tie, incoming in page if incoming}
        last, incoming = page[-1]
        after = f"{last.owner if incoming else last.other}/{int(incoming)}"
    asked: Key = (Tightened, Tightened((stand_in,)))
    tight = (await store.load([asked]))[asked]
    assert isinstance(tight, tuple), "the answer is the ties"
    aimed |= {tie.owner: tie for tie in tight if tie.other == stand_in}
    for piece in in_pieces(sorted(aimed), PIECE):
        await desk.decide(lambda scene, piece=piece: _handed_over(scene, piece, stand_in, owner.id))  # type: ignore[misc]  # bound per turn
    return bool(aimed)


def _handed_over(
    scene: Scene, owners: Sequence[AccountId], stand_in: AccountId, account: AccountId
) -> Outcome:
    outcome = Outcome()
    to_stand_in = gathered([_tie(scene, one, stand_in) for one in owners])
    to_account = gathered([_tie(scene, one, account) for one in owners])
    for was, now in zip(to_stand_in, to_account, strict=True):
        if now.owner == account:
            continue  # the owner's own name in the owner's own list
        outcome.records.append(
            replace(
                now,
                follows=now.follows or was.follows,
                blocks=now.blocks.stronger(was.blocks),
                restricts=now.restricts.stronger(was.restricts),
            )
        )
        outcome.records.append(Tie(owner=was.owner, other=stand_in))
        if was.restricts:
            outcome.records += covers(scene, was.owner, [account])
    return outcome


def _tie(scene: Scene, owner: AccountId, other: AccountId) -> Callable[[], Tie]:
    return lambda: scene.facts.tie(owner, other)
