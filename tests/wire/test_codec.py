"""What one side writes the other reads, in both codecs and with the same meaning."""

from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError, Invalid, ProtocolError, RateLimited, WrongFrameType
from bridge.wire.codec import CODECS, EVENTS, JSON, MSGPACK, OPERATIONS, Codec, error_body
from bridge.wire.commands import OpenThread, Send, Typing
from bridge.wire.events import Event, Typed
from bridge.wire.frames import ErrorBody, PushFrame, ReplyFrame
from bridge.wire.replies import Reply, Sent
from bridge.wire.sign_in import ListDevices
from bridge.wire.tables import error_classes
from bridge.wire.values import MAX_INT
from tests.wire.strategies import ANYTHING, FEWER, structs

REPLIES = sorted({call.reply for call in OPERATIONS.values()}, key=lambda kind: kind.__name__)
CALL_IDS = st.integers(1, MAX_INT)
OPAQUE = st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z")


@pytest.fixture(params=list(CODECS.values()), ids=list(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    found = request.param
    assert isinstance(found, Codec)
    return found


def as_sent(codec: Codec, frame: bytes) -> bytes | str:
    """Give a frame as a socket would: text where the codec's frames are text."""
    return frame if codec.binary else frame.decode()


def as_read(codec: Codec, frame: bytes) -> object:
    """Read plain values with the library alone, as a client without our types does."""
    return msgpack.unpackb(frame) if codec.binary else orjson.loads(frame)


@pytest.mark.parametrize("op", OPERATIONS)
@FEWER
@given(data=st.data(), call=CALL_IDS)
def test_every_call_is_read_as_it_was_written_in_both_codecs(op: str, data: st.DataObject, call: int) -> None:
    operation: Any = data.draw(structs(OPERATIONS[op]))

    heard = [codec.read_call(as_sent(codec, codec.call(call, operation))) for codec in CODECS.values()]

    assert heard == [(call, operation), (call, operation)]


@pytest.mark.parametrize("kind", REPLIES)
@FEWER
@given(data=st.data(), call=CALL_IDS)
def test_every_reply_is_read_as_it_was_written_in_both_codecs(
    kind: type[Reply], data: st.DataObject, call: int
) -> None:
    value = data.draw(structs(kind))

    for codec in CODECS.values():
        frame = codec.read_frame(as_sent(codec, codec.reply(call, codec.body(value))))

        assert isinstance(frame, ReplyFrame)
        assert frame.re == call
        assert msgspec.convert(frame.ok, kind) == value


@pytest.mark.parametrize("tag", EVENTS)
@FEWER
@given(data=st.data(), account=OPAQUE, at=st.integers(1, MAX_INT), cursor=OPAQUE)
def test_every_event_is_read_as_it_was_written_in_both_codecs(
    tag: str, data: st.DataObject, account: str, at: int, cursor: str
) -> None:
    event: Any = data.draw(structs(EVENTS[tag]))

    for codec in CODECS.values():
        body = codec.body(event)
        kept = codec.read_frame(as_sent(codec, codec.envelope(account, cursor)(body, at)))
        passing = codec.read_frame(as_sent(codec, codec.passing(body)))

        assert isinstance(kept, PushFrame)
        assert isinstance(passing, PushFrame)
        assert (kept.account, kept.at, kept.cursor) == (account, at, f"{cursor}{at}")
        assert (passing.account, passing.at, passing.cursor) == (None, None, None)
        assert (
            msgspec.convert(kept.event, EVENTS[tag]) == msgspec.convert(passing.event, EVENTS[tag]) == event
        )


@given(call=CALL_IDS, body=structs(ErrorBody))
def test_every_refusal_is_read_as_it_was_written_in_both_codecs(call: int, body: ErrorBody) -> None:
    error = BridgeError(body.text or "why", path=body.path, retry_after_s=body.retry_after_s)

    for codec in CODECS.values():
        frame = codec.read_frame(as_sent(codec, codec.refusal(call, error)))

        assert frame == ReplyFrame(re=call, error=error_body(error))


@given(value=ANYTHING)
def test_what_one_codec_can_say_the_other_can_say_too(value: object) -> None:
    said = [as_read(codec, codec.pack(value)) for codec in (JSON, MSGPACK)]

    assert said[0] == said[1] == value


@given(reply=structs(Sent), event=structs(Typed), call=CALL_IDS, at=st.integers(1, MAX_INT))
def test_a_body_encoded_once_reads_as_a_frame_encoded_whole(
    reply: Reply, event: Typed, call: int, at: int
) -> None:
    for codec in CODECS.values():
        heard = [
            as_read(codec, codec.reply(call, codec.body(reply))),
            as_read(codec, codec.envelope("a1", "c")(codec.body(event), at)),
            as_read(codec, codec.passing(codec.body(event))),
        ]

        plain_event = msgspec.to_builtins(event)
        assert heard == [
            {"re": call, "ok": msgspec.to_builtins(reply)},
            {"account": "a1", "at": at, "cursor": f"c{at}", "event": plain_event},
            {"event": plain_event},
        ]


def test_a_body_stands_in_its_frames_byte_for_byte(codec: Codec) -> None:
    body = codec.body(Typed(thread="t1", account="a1"))  # type: ignore[arg-type]  # ids are text at run time

    frames = [codec.envelope("a1", "c")(body, 1), codec.envelope("a2", "c")(body, 900), codec.passing(body)]

    assert all(frame.count(body) == 1 for frame in frames)


def test_fields_with_their_default_are_left_out(codec: Codec) -> None:
    frame = as_read(codec, codec.call(3, OpenThread(confirm=False)))

    assert frame == {"id": 3, "op": "open_thread"}


def test_a_call_says_as_and_not_the_name_that_python_needs(codec: Codec) -> None:
    frame = as_read(codec, codec.call(3, OpenThread(as_="a1")))  # type: ignore[arg-type]  # likewise

    assert frame == {"id": 3, "op": "open_thread", "as": "a1"}


@pytest.mark.parametrize("error", error_classes())
def test_every_error_is_told_by_its_code_its_text_and_whether_to_retry(error: type[BridgeError]) -> None:
    body = error_body(error(path="$.text", retry_after_s=1.5))

    assert (body.code, body.temporary) == (error.code, error.temporary)
    assert body.text
    assert (body.path, body.retry_after_s) == ("$.text", 1.5)


def test_a_refusal_leaves_out_what_it_does_not_know(codec: Codec) -> None:
    frame = as_read(codec, codec.refusal(9, RateLimited("Slower.")))

    assert frame == {"re": 9, "error": {"code": "rate_limited", "text": "Slower.", "temporary": True}}


def test_the_names_of_the_codecs_are_the_subprotocols() -> None:
    assert {name: codec.binary for name, codec in CODECS.items()} == {
        "isthmus.v1.json": False,
        "isthmus.v1.msgpack": True,
    }


def test_operations_and_events_have_one_name_each() -> None:
    assert all(OPERATIONS[op].op == op for op in OPERATIONS)
    assert all(issubclass(event, Event) for event in EVENTS.values())
    assert "op" not in {field for call in OPERATIONS.values() for field in call.__struct_encode_fields__}
    assert "id" not in {field for call in OPERATIONS.values() for field in call.__struct_encode_fields__}


# --- a client meets a hub that is newer, or none at all


@pytest.mark.parametrize(
    "frame",
    [
        {"re": 1, "ok": {"new_field": 1}, "took_ms": 3},
        {"event": {"type": "from_the_future"}, "priority": "high"},
        {"re": 1, "error": {"code": "from_the_future", "text": "?", "hint": "!"}},
    ],
)
def test_a_client_reads_frames_with_more_in_them_than_it_knows(
    codec: Codec, frame: dict[str, object]
) -> None:
    heard = codec.read_frame(as_sent(codec, codec.pack(frame)))

    assert isinstance(heard, ReplyFrame | PushFrame)


@pytest.mark.parametrize(
    "frame",
    [
        None,
        [],
        {},
        {"event": "typed"},
        {"event": {}, "at": "1"},
        {"re": 0, "ok": {}},
        {"re": 1},
        {"re": 1, "ok": {}, "error": {"code": "busy", "text": ""}},
        {"re": 1, "error": {"code": "busy"}},
    ],
)
def test_a_client_refuses_what_is_neither_a_reply_nor_a_push(codec: Codec, frame: object) -> None:
    with pytest.raises(ProtocolError):
        codec.read_frame(as_sent(codec, codec.pack(frame)))


def test_a_client_refuses_the_other_type_of_frame(codec: Codec) -> None:
    frame = codec.passing(codec.body(Typed(thread="t1", account="a1")))  # type: ignore[arg-type]  # likewise

    with pytest.raises(WrongFrameType):
        codec.read_frame(frame.decode("latin-1") if codec.binary else frame)


@pytest.mark.parametrize(
    "operation",
    [
        Send(thread="t1", text="half \ud83d of it", token="k"),  # type: ignore[arg-type]  # likewise
        Typing(thread=2**70),  # type: ignore[arg-type]  # what a careless caller may do
        Typing(thread=object()),  # type: ignore[arg-type]  # likewise
    ],
)
def test_a_client_is_told_before_sending_what_no_frame_can_say(
    codec: Codec, operation: Send | Typing
) -> None:
    with pytest.raises(Invalid):
        codec.call(1, operation)


def test_a_call_without_fields_is_whole(codec: Codec) -> None:
    assert codec.read_call(as_sent(codec, codec.call(1, ListDevices()))) == (1, ListDevices())
