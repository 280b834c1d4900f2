"""Saying something: tokens, limits, the chain, and who hears it."""

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import pytest
from msgspec.structs import astuple, replace

from bridge.domain.content import Content, digest_of, first_link, next_link, pack, unpack
from bridge.domain.model import Message, Thread, ThreadKind, Verdict
from bridge.domain.policy import Policy
from bridge.errors import BridgeError
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import OpenThread, Send
from bridge.wire.events import ThreadChanged
from bridge.wire.replies import Sent
from bridge.wire.values import Network
from tests.domain.world import World

ANN, BOB = AccountId("aann"), AccountId("abob")


def test_a_message_is_told_to_both_sides_and_appears_with_the_first(world: World) -> None:
    world.open("ann", "bob")
    assert world.heard("bob") == []  # opening commits nothing that the other side can see

    world.send("ann", "bob")

    appeared, message = world.heard("bob")
    assert isinstance(appeared, ThreadChanged)
    assert appeared.others[0].id == ANN
    assert isinstance(message, Message)


def test_the_same_token_gives_the_same_reply(world: World) -> None:
    first = world.send("ann", "bob", token="token-of-mine").reply

    again = world.send("ann", "bob", token="token-of-mine")

    assert again.reply == first
    assert not again.changes
    assert world.tip("ann", "bob") == 1


def test_the_same_token_with_another_body_is_refused(world: World) -> None:
    world.send("ann", "bob", "this", token="token-of-mine")

    assert world.sent("ann", "bob", "that", token="token-of-mine") == "token_reused"
    assert world.sent("ann", "bob", "this", token="token-of-mine") == "ok"


def test_the_same_token_with_another_thread_or_target_is_refused(merged: World) -> None:
    world = merged
    world.join("cat", "direct")
    world.send("ann", "bob", "first")
    world.send("bob", "ann", "so you can say more")
    world.send("ann", "bob", "this", token="token-of-mine", reply_to=1)

    assert world.sent("ann", "cat", "this", token="token-of-mine") == "token_reused"
    assert world.sent("ann", "bob", "this", token="token-of-mine", reply_to=2) == "token_reused"
    assert world.sent("ann", "bob", "this", token="token-of-mine") == "token_reused"
    assert world.sent("ann", "bob", "this", token="token-of-mine", reply_to=1) == "ok"


def test_a_token_still_stands_for_its_message_when_nobody_knows_what_that_said(world: World) -> None:
    first = world.send("ann", "bob", "this", token="token-of-mine").reply
    message = world.facts.message(world.thread("ann", "bob"), Seq(1))
    assert message is not None
    world.facts.apply([replace(message, content=None, salt=None)])  # as erasing leaves it

    assert world.send("ann", "bob", "this", token="token-of-mine").reply == first


def test_an_old_token_is_recalled_before_its_content_is_judged(world: World) -> None:
    first = world.send("ann", "bob", "this", token="token-of-mine").reply
    world.facts.forget([(Verdict, (ANN, "token-of-mine"))])

    assert world.sent("ann", "bob", "x" * 20_001, token="token-of-mine") == "token_reused"
    assert world.send("ann", "bob", "this", token="token-of-mine").reply == first


def test_a_refused_token_repeats_its_refusal_even_when_it_would_be_taken_now(world: World) -> None:
    world.set_tie("block", "bob", "ann")
    assert world.sent("ann", "bob", token="token-of-mine") == "not_accepting"
    world.set_tie("block", "bob", "ann", False)

    assert world.sent("ann", "bob", token="token-of-mine") == "not_accepting"
    assert world.sent("ann", "bob") == "ok"


def test_a_refused_text_is_not_kept(world: World) -> None:
    world.set_tie("block", "bob", "ann")

    outcome = world.send("ann", "bob", "a secret text")

    (verdict,) = outcome.records
    assert isinstance(verdict, Verdict)
    assert b"secret" not in repr(verdict).encode()
    assert (verdict.decision.rule if verdict.decision else None) == "blocked"


def test_writing_to_oneself_is_called_so_even_behind_a_waiting_request(world: World) -> None:
    world.link("bob", "bobm")
    world.upgrade("bob")
    world.send("bobm", "ann")
    world.unlink("bob")
    world.send("annm", "bobm")
    thread = world.thread("annm", "bobm")
    world.link("bobm", "ann")
    world.unlink("ann")
    world.put(
        replace(world.account("bobm"), person=world.account("annm").person),
        replace(world.person("annm"), accounts=(AccountId("aannm"), AccountId("abobm"))),
    )

    assert world.refusal("annm", Send(thread=thread, text="me", token="a-token")) == "cannot_message_self"


@pytest.mark.parametrize(("count", "code"), [(1_000, "ok"), (1_001, "too_long")])
def test_a_text_over_the_limit_of_ones_own_network_is_refused(world: World, count: int, code: str) -> None:
    text = "👨‍👩‍👧‍👦" * count  # one user-perceived character each

    if code == "ok":
        assert world.sent("ann", "bob", text) == code
    else:
        world.open("ann", "bob")
        command = Send(thread=world.thread("ann", "bob"), text=text, token="a-token")
        assert world.refusal("ann", command) == code


def test_a_text_over_the_limit_in_bytes_is_refused(world: World) -> None:
    world.policy = Policy(max_text_bytes=10)
    world.open("annm", "bobm")
    command = Send(thread=world.thread("annm", "bobm"), text="é" * 6, token="a-token")

    assert world.refusal("annm", command) == "too_long"
    assert world.sent("annm", "bobm", "é" * 5) == "ok"
    assert world.all(Verdict)[0].code == "ok"  # what is malformed leaves no verdict


def test_a_reply_names_a_message_that_stands(world: World) -> None:
    world.befriend("annm", "bobm")
    world.send("annm", "bobm")

    assert world.sent("bobm", "annm", reply_to=Seq(1)) == "ok"
    missing = Send(thread=world.thread("annm", "bobm"), text="to what?", token="a-token", reply_to=Seq(9))
    assert world.refusal("bobm", missing) == "invalid"


def test_replies_come_with_the_upgrade(world: World) -> None:
    world.send("ann", "bob")
    reply = Send(thread=world.thread("ann", "bob"), text="hi", token="a-token", reply_to=Seq(1))

    assert world.refusal("bob", reply) == "not_supported"


def test_nothing_is_added_to_imported_history(world: World) -> None:
    world.open("ann", "bob")
    thread = world.records[Thread, world.thread("ann", "bob")]
    world.put(replace(thread, kind=ThreadKind.SEGMENT))

    assert world.refusal("ann", Send(thread=thread.id, text="late", token="a-token")) == "not_allowed"


def test_strangers_learn_nothing_of_a_thread(world: World) -> None:
    world.send("ann", "bob")
    world.join("eve", "direct")

    there = Send(thread=world.thread("ann", "bob"), text="hi", token="a-token")
    nowhere = Send(thread=ThreadId("t0000"), text="hi", token="a-token")

    assert world.refusal("eve", there) == world.refusal("eve", nowhere) == "not_found"


def test_a_person_writes_in_a_thread_of_either_account_as_that_account(merged: World) -> None:
    merged.send("bobm", "annm")
    command = Send(thread=merged.thread("annm", "bobm"), text="it is me", token="a-token")

    merged.say("ann", command)

    newest = max(merged.all(Message), key=lambda message: message.seq)
    assert newest.sender == AccountId("aannm")


def test_each_message_adds_a_link_to_the_threads_chain(world: World) -> None:
    world.set_tie("follow", "bob", "ann")
    for text in ("one", "two", "three"):
        world.send("ann", "bob", text)

    thread = world.records[Thread, world.thread("ann", "bob")]
    link = first_link(thread.id)
    for seq in (1, 2, 3):
        message = world.records[Message, (thread.id, seq)]
        assert message.digest == digest_of(message.salt, message.content)
        link = next_link(link, thread.id, seq, message.sender, message.digest)
        assert message.link == link
    assert (thread.tip, thread.link) == (3, link)


def test_a_clock_that_was_set_back_does_not_reorder_a_thread(world: World) -> None:
    world.set_tie("follow", "bob", "ann")
    world.send("ann", "bob")
    world.now -= 60_000

    reply = world.send("ann", "bob").reply

    assert isinstance(reply, Sent)
    assert reply.at == world.now + 60_000


def test_unread_counts_the_others_messages_after_the_receipt(world: World) -> None:
    world.set_tie("follow", "bob", "ann")
    for _ in range(3):
        world.send("ann", "bob")

    assert (world.side("ann", "bob").unread(3), world.side("bob", "ann").unread(3)) == (0, 3)


def test_a_stranger_has_one_message_until_the_other_answers(world: World) -> None:
    assert [world.sent("ann", "bob") for _ in range(2)] == ["ok", "request_pending"]
    world.send("bob", "ann")

    assert world.sent("ann", "bob") == "ok"


def test_opening_twice_or_from_both_sides_makes_one_thread(world: World) -> None:
    world.open("ann", "bob")
    world.open("bob", "ann")
    again = world.open("ann", "bob")

    assert not again.changes
    assert len(world.all(Thread)) == 1
    assert world.side("ann", "bob").started
    assert world.side("bob", "ann").started


def test_opening_answers_the_same_whether_or_not_the_other_would_accept(world: World) -> None:
    world.join("eve", "direct")
    open_fine = OpenThread(as_=ANN, account=AccountId("aeve"))
    open_blocked = OpenThread(as_=ANN, account=BOB)
    world.set_tie("block", "bob", "ann")

    fine, blocked = world.run("ann", open_fine), world.run("ann", open_blocked)

    assert [type(record) for record in fine.records] == [type(record) for record in blocked.records]
    assert not isinstance(blocked.reply, BridgeError)
    assert len(fine.told) == len(blocked.told) == 1


@pytest.mark.parametrize(
    "content",
    [
        Content("hi", Network.DIRECT),
        Content(None, Network.MESSENGER, Seq(7), "photo", {"uri": "x.jpg", "size": [1, 2.5, None, True]}),
        Content("é" * 70_000, Network.DIRECT),
    ],
)
def test_a_content_is_kept_as_plain_messagepack(content: Content) -> None:
    packed = pack(content)

    assert unpack(packed) == content
    assert packed == msgpack.packb([str(v) if isinstance(v, Network) else v for v in astuple(content)])
