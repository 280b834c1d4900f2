"""Saying something: the stranger limit, the decision, the chain, and who hears it."""

from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from bridge.domain.content import SALT, Content, digest_of, next_link, pack, unpack
from bridge.domain.facts import Facts
from bridge.domain.model import Account, Decision, Member, Message, Thread, ThreadKind, Verdict
from bridge.domain.networks import NETWORKS, can_reply
from bridge.domain.outcome import Outcome, Scene, other_of
from bridge.domain.place import place, put_back
from bridge.domain.routing import SELF_RULE, Route, restricts, settle_route
from bridge.domain.rules.copies import shown_again
from bridge.domain.rules.receipts import show_progress
from bridge.domain.translate import fits
from bridge.domain.views import thread_changed
from bridge.errors import (
    BridgeError,
    CannotMessageSelf,
    Invalid,
    NotAccepting,
    NotAllowed,
    NotSupported,
    Refusal,
    RequestPending,
    TokenReused,
    TooLong,
)
from bridge.ids import AccountId, Seq
from bridge.wire.commands import Send
from bridge.wire.queries import PreviewSend
from bridge.wire.replies import Sent
from bridge.wire.values import AccountState, Consent, Folder, OutcomeOf

# Each send looks at these; Python before 3.12 takes 70 ns to look a member of an enum up.
_ACTIVE: Final = AccountState.ACTIVE
_PAIR: Final = ThreadKind.PAIR
_NONE: Final = OutcomeOf.NONE
_INBOX: Final = Folder.INBOX
_UNASKED: Final = Consent.NONE
_ACCEPTED: Final = Consent.ACCEPTED

_LIMITED = Decision(outcome=OutcomeOf.NONE, rule="stranger_limit")
_REFUSALS: dict[str, type[BridgeError]] = {
    kind.code: kind
    for kind in (
        *(NotAccepting, RequestPending, CannotMessageSelf),
        *(NotAllowed, TooLong, NotSupported, Invalid),  # kept only of sends that were carried in vain
    )
}


def send(scene: Scene, command: Send) -> Outcome:
    """Post a message, or refuse it: either way the token stands for this verdict for ever."""
    thread, side = scene.seat(command.thread)
    before = scene.facts.verdict(side.account, command.token)
    if before is not None:
        return Outcome(reply=_again(scene.facts, before, command))
    try:
        check_content(scene, thread, scene.facts.account(side.account), command)
    except Refusal as refusal:  # unlike a verdict, this meets no commit that would notice an old token
        scene.facts.recall(side.account, command.token)
        if not scene.doubtful:
            raise
        verdict = Verdict(
            account=side.account,
            token=command.token,
            body=body_of(command),
            code=refusal.code,
            thread=thread.id,
            at=scene.now,
        )
        return Outcome(reply=refusal, records=[verdict])
    other = scene.facts.find_member(thread.id, other_of(thread, side.account))
    assert other is not None, "a pair thread has both sides"
    way, decision = settle_route(scene.facts, scene.policy, side.account, other)
    if decision.rule == SELF_RULE:
        return _refused(scene, command, way, CannotMessageSelf.code, decision)
    if must_wait(scene.facts, side, other, is_text=True):
        return _refused(scene, command, way, RequestPending.code, _LIMITED)
    if decision.outcome is _NONE:
        return _refused(scene, command, way, NotAccepting.code, decision)
    message = _message(scene, command, thread, way, decision)
    return _taken(scene, thread, message, side, other, way, _verdict(command, message))


def body_of(command: Send) -> bytes:
    """Digest what a refused send says, so that another body under the same token is noticed."""
    said = f"{command.thread}\0{command.reply_to or 0}\0{command.text}"
    return blake2b(said.encode(), digest_size=16).digest()


def check_content(scene: Scene, thread: Thread, speaker: Account, command: Send | PreviewSend) -> None:
    """See that the network of the speaking account can say this at all.

    Raises:
        Refusal: If it cannot: what it may know of itself, whoever is written to.
    """
    if thread.kind is not _PAIR:
        raise NotAllowed("This is imported history; nothing can be added to it.", path="$.thread")
    if speaker.state is not _ACTIVE:
        raise NotAllowed("This account is deactivated or deleted; it says nothing more.", path="$.thread")
    if not fits(command.text, speaker.network):
        network = NETWORKS[speaker.network]
        raise TooLong(f"{network.title} takes at most {network.text_limit:,} characters.", path="$.text")
    if len(command.text) * 4 > scene.policy.max_text_bytes and (
        len(command.text.encode()) > scene.policy.max_text_bytes
    ):
        raise TooLong(f"The hub takes at most {scene.policy.max_text_bytes:,} bytes.", path="$.text")
    if command.reply_to is None:
        return
    if not can_reply(speaker.network, speaker.hybrid):
        raise NotSupported("Update messaging to reply to a message.", path="$.reply_to")
    if command.reply_to > thread.tip or scene.facts.message(thread.id, command.reply_to) is None:
        raise Invalid("There is no such message in this thread.", path="$.reply_to")


def must_wait(facts: Facts, side: Member, other: Member, *, is_text: bool) -> bool:
    """Say whether the stranger limit holds: from nothing but what the sender can see.

    A stranger has one message, text only, until the other side wrote or
    visibly accepted, or follows or befriended the speaking account.
    """
    if other.has_answered or (is_text and side.sent == 0):
        return False
    tie = facts.tie(other.account, side.account)
    return not (tie.follows or tie.friend)


def _again(facts: Facts, before: Verdict, command: Send) -> Sent | BridgeError:
    """Answer a repeated token as the first time."""
    if not _says_the_same(facts, before, command):
        return TokenReused(path="$.token")
    if before.code == "ok":
        return Sent(thread=before.thread, seq=Seq(before.seq), at=before.at)
    return _REFUSALS[before.code]()


def _says_the_same(facts: Facts, before: Verdict, command: Send) -> bool:
    """Compare with what was refused by its digest, with what was taken by the message itself."""
    if before.code != "ok":
        return before.body == body_of(command)
    if before.thread != command.thread:
        return False
    message = facts.message(before.thread, Seq(before.seq))
    if message is None or message.content is None:
        return True  # it was erased since: nothing is left that could differ
    said = unpack(message.content)
    return (said.text, said.reply_to) == (command.text, command.reply_to)


def _refused(scene: Scene, command: Send, way: Route, code: str, decision: Decision) -> Outcome:
    verdict = Verdict(
        account=way.sender.id,
        token=command.token,
        body=body_of(command),
        code=code,
        thread=command.thread,
        at=scene.now,
        decision=decision,
        receiver=way.receiver.id,
    )
    return Outcome(reply=_REFUSALS[code](), records=[verdict])


def _verdict(command: Send, message: Message) -> Verdict:
    return Verdict(
        account=message.sender,
        token=command.token,
        code="ok",
        thread=message.thread,
        seq=message.seq,
        at=message.at,
    )


def _message(scene: Scene, command: Send, thread: Thread, way: Route, decision: Decision) -> Message:
    """Give the message its place in the thread and in its chain."""
    seq = Seq(thread.tip + 1)
    content = pack(Content(command.text, way.sender.network, command.reply_to))
    salt = scene.chance(SALT)
    digest = digest_of(salt, content)
    return Message(
        thread=thread.id,
        seq=seq,
        sender=way.sender.id,
        at=max(scene.now, thread.last_at),  # a clock that was set back must not reorder a thread
        content=content,
        salt=salt,
        digest=digest,
        link=next_link(thread.link, thread.id, seq, way.sender.id, digest),
        decision=decision,
    )


def _taken(
    scene: Scene, thread: Thread, message: Message, side: Member, other: Member, way: Route, verdict: Verdict
) -> Outcome:
    """Put the message into the thread, and tell both sides what it changes for them."""
    assert message.decision is not None, "a message that is said has a decision"
    side_after = _speaking(scene, side, other.account, message.seq)
    other_after = place(other, message.decision.outcome)
    outcome = Outcome(
        reply=Sent(thread=thread.id, seq=message.seq, at=message.at),
        records=[replace(thread, tip=message.seq, link=message.link, last_at=message.at), verdict],
        messages=[message],
    )
    answers = not side.has_answered
    if side_after.folder is not side.folder or side_after.consent is not side.consent:
        _tell(scene, outcome, thread, side_after, answered=other.has_answered)
    if other_after is not other:
        outcome.records.append(other_after)
        _tell(scene, outcome, thread, other_after, answered=True, appears=other.folder is Folder.NONE)
    elif answers and other.has_answered:
        _tell(scene, outcome, thread, other_after, answered=True)
    outcome.told.append((message, (side.account, other.account)))
    if answers and side.delivered:
        side_after, told = show_progress(scene, thread, side_after)
        outcome.told += told
    outcome.records.append(side_after)
    for tie in way.ours:
        if tie.hides and tie.owner == side.account and tie.other == other.account:
            outcome.records += shown_again(scene, tie)  # who writes to somebody hides him no more
    return outcome


def _tell(
    scene: Scene, outcome: Outcome, thread: Thread, side: Member, *, answered: bool, appears: bool = False
) -> None:
    change = thread_changed(scene.facts, scene.policy, thread, side, answered=answered, appears=appears)
    outcome.told.append((change, (side.account,)))


def _speaking(scene: Scene, side: Member, other: AccountId, seq: Seq) -> Member:
    """Move the speaker's own side: writing accepts what was a request, and brings the thread to the inbox."""
    if side.sent == 0 or side.folder is not _INBOX:
        side = put_back(side, restricts(scene.facts, side.account, other))
    read_all_before = side.read == seq - 1
    return replace(
        side,
        sent=side.sent + 1,
        consent=side.consent if side.consent is _UNASKED else _ACCEPTED,
        unseen=False,
        read=seq if read_all_before else side.read,
        read_sent=side.read_sent + 1 if read_all_before else side.read_sent,
    )
