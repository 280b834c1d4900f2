"""A row as a message and back; and the fast ways, held against the domain's own."""

from hypothesis import given
from hypothesis import strategies as some

from bridge.archive.model import (
    ArchiveOwner,
    Media,
    MediaKind,
    MessageKind,
    MessageRecord,
    Reaction,
    Section,
    Share,
    ThreadRecord,
)
from bridge.domain.content import Content, digest_of, first_link, next_link, pack, unpack
from bridge.ids import AccountId
from bridge.transfer.forms import LONGEST, clean_name, clean_text, packed_row, row_of_packed, with_witness
from bridge.transfer.history import Talk
from bridge.wire.values import Network

texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=30)
times = some.none() | some.integers(0, 2**40)
packed_extras = some.sampled_from([b"", b'{"a":1}'])
rows = some.builds(
    MessageRecord,
    sender_name=texts,
    at_ms=some.integers(0, 2**53 - 1),
    text=some.none() | texts.filter(bool),
    kind=some.sampled_from(MessageKind),
    media=some.lists(
        some.builds(Media, some.sampled_from(MediaKind), texts, times, packed_extras), max_size=2
    ).map(tuple),
    share=some.none()
    | some.builds(Share, some.none() | texts, some.none() | texts, some.none() | texts, packed_extras),
    call_s=some.none() | some.integers(0, 9_999),
    missed=some.booleans(),
    reactions=some.lists(some.builds(Reaction, texts, texts, times), max_size=2).map(tuple),
    users=some.lists(texts, max_size=2).map(tuple),
    extras=packed_extras,
)


@given(rows, some.booleans())
def test_a_row_comes_back_as_it_was(row: MessageRecord, is_usual: bool) -> None:
    packed = packed_row(row, "direct", is_usual_name=is_usual)

    usual = row.sender_name if is_usual else "somebody else"
    assert row_of_packed(packed, usual, row.at_ms) == row


@given(rows)
def test_a_packed_row_is_a_content_of_the_domain(row: MessageRecord) -> None:
    packed = packed_row(row, "messenger", is_usual_name=True)

    content = unpack(packed)
    assert pack(content) == packed
    assert content.origin is Network.MESSENGER
    assert content.text is None or clean_text(content.text) == content.text


@given(some.lists(rows, max_size=8), texts)
def test_a_talk_is_chained_as_the_domain_says(said: list[MessageRecord], name: str) -> None:
    owner = AccountId("a1")
    head = ThreadRecord("inbox/x_1", Section.INBOX, "X", ("X", name))
    talk = Talk(head, owner, ArchiveOwner("direct", name, None))

    messages = talk.say(said)

    link = first_link(talk.thread.id)
    for seq, (message, row) in enumerate(zip(messages, said, strict=True), 1):
        assert (message.seq, message.at) == (seq, row.at_ms)
        assert message.digest == digest_of(message.salt or b"", message.content or b"")
        link = next_link(link, message.thread, seq, message.sender, message.digest)
        assert message.link == link
    assert (talk.thread.tip, talk.thread.link) == (len(said), link)
    assert len({message.salt for message in messages}) == len(said)


def test_an_erased_message_is_a_row_without_anything() -> None:
    assert row_of_packed(None, "Ana", 5) == MessageRecord("Ana", 5, None, MessageKind.UNSENT)


def test_a_witness_is_named_where_only_one_tells() -> None:
    said = Content("hi", Network.DIRECT, kind="text", extras={"name": "Old Name", "missed": True})

    assert unpack(with_witness(said, "a7")).extras == {"missed": True, "told_by": "a7"}
    assert unpack(with_witness(said, None)).extras == {"missed": True}


def test_names_lose_what_forges_them() -> None:
    assert clean_name("Ana\u202eamiL\x07") == "AnaamiL"
    assert clean_name("Zażółć 🥖") == "Zażółć 🥖"
    assert clean_text("two\nlines\tand\x00") == "two\nlines\tand"


def test_a_text_that_no_network_allows_is_shown_cut_and_exported_whole() -> None:
    row = MessageRecord("Ana", 1, "x" * (LONGEST + 1))

    packed = packed_row(row, "direct", is_usual_name=True)

    assert unpack(packed).text == "x" * LONGEST
    assert row_of_packed(packed, "Ana", 1) == row
