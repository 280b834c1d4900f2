"""The store's questions, answered by brute force from all records."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bridge.domain.model import Account, Device, Member, Message, Thread, ThreadKind, Tie, Verdict
from bridge.domain.networks import handle_key
from bridge.domain.questions import (
    Arrived,
    HandleOwner,
    Mutual,
    OwnThreads,
    OwnUpto,
    Question,
    SignedIn,
    ThreadCounts,
    Tightened,
)
from bridge.ids import AccountId
from bridge.wire.values import Consent, Folder, OutcomeOf

Records = Mapping[tuple[type, object], Any]


def all_of(records: Records, kind: type) -> list[Any]:
    """Give all records of a kind."""
    return [record for (of, _), record in records.items() if of is kind and record is not None]


def answered(records: Records, question: Question) -> object:
    """Answer a question."""
    match question:
        case HandleOwner():
            owners = [
                account.id
                for account in all_of(records, Account)
                if account.network is question.network and handle_key(account.handle) == question.key
            ]
            return owners[0] if owners else None
        case Mutual():
            return bool(_friends(records, question.one) & _friends(records, question.other))
        case OwnUpto():
            return sum(
                message.thread == question.thread
                and message.sender == question.account
                and message.seq <= question.upto
                for message in all_of(records, Message)
            )
        case Tightened():
            return tuple(
                tie
                for tie in all_of(records, Tie)
                if (tie.blocks or tie.restricts or tie.hides)
                and (tie.owner in question.accounts or tie.other in question.accounts)
            )
        case OwnThreads():
            return _own_threads(records, question.account)
        case SignedIn():
            devices = all_of(records, Device)
            return tuple(
                sorted(one.id for one in devices if one.account == question.account and not one.revoked)
            )
    raise AssertionError(f"nobody answers {question}")


def _friends(records: Records, account: AccountId) -> set[AccountId]:
    return {tie.other for tie in all_of(records, Tie) if tie.owner == account and tie.friend}


def _own_threads(records: Records, own: AccountId) -> ThreadCounts:
    crossing, pending = 0, []
    threads = all_of(records, Thread)
    groups = sum(thread.kind is ThreadKind.GROUP and own in thread.members for thread in threads)
    for side in all_of(records, Member):
        thread = records.get((Thread, side.thread))
        if side.account != own or thread is None or thread.kind is not ThreadKind.PAIR:
            continue
        networks = {records[Account, member].network for member in thread.members}
        if len(networks) == 2:
            crossing += side.folder is not Folder.NONE
            other = next(member for member in thread.members if member != own)
            pending += [(thread.id, other)] if side.consent is Consent.PENDING else []
    return ThreadCounts(crossing=crossing, groups=groups, pending=tuple(pending))


def arrivals(records: Records, account: AccountId, since: int) -> tuple[Arrived, ...]:
    """Count how messages to an account fell since then."""
    counted: Counter[tuple[AccountId, OutcomeOf, str]] = Counter()
    for message in all_of(records, Message):
        thread = records[Thread, message.thread]
        was_received = account in thread.members and message.sender != account and message.at >= since
        if was_received and message.decision is not None:  # else an archive tells of it
            counted[message.sender, message.decision.outcome, message.decision.category] += 1
    for verdict in all_of(records, Verdict):
        if verdict.receiver == account and verdict.at >= since:
            counted[verdict.account, verdict.decision.outcome, verdict.decision.category] += 1
    return tuple(
        Arrived(sender, outcome, category, count) for (sender, outcome, category), count in counted.items()
    )
