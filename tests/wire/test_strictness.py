"""Every field of every call, tried broken: refused with the path of the fault, and nothing of it repeated."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from bridge.errors import Invalid, ProtocolError, UnknownOperation, WrongFrameType
from bridge.wire.codec import CODECS, JSON, MSGPACK, OPERATIONS, Codec, Malformed
from bridge.wire.examples import example
from bridge.wire.values import MAX_INT
from tests.wire.strategies import FEWER, plain

CANARY: Final = "canary`' - at `$.elsewhere` \x07"  # with the validator's own punctuation, and a bell

FREE: Final = frozenset({"old", "password", "new"})
"""Secrets may hold any character: they are hashed and never shown."""


def frame_of(op: str, **changes: object) -> dict[str, object]:
    """Give a call with all fields of its example, some of them changed."""
    return {"id": 7, "op": op, **example(OPERATIONS[op]), **changes}


def refusal_of(codec: Codec, frame: object) -> Invalid | UnknownOperation:
    """Have a call refused, and say why; the caller's id comes back."""
    data = codec.pack(frame)
    with pytest.raises(Malformed) as caught:
        codec.read_call(data if codec.binary else data.decode())
    assert caught.value.call == 7
    return caught.value.error


def fields() -> Iterator[tuple[str, str, inspect.Type]]:
    """Give every field of every call with what it takes, without the null of optional ones."""
    for op, kind in OPERATIONS.items():
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        for field in info.fields:
            yield op, field.encode_name, inner(field.type)


def inner(info: inspect.Type) -> inspect.Type:
    """Look through annotations, and through the union of a type with null."""
    if isinstance(info, inspect.Metadata):
        return inner(info.type)
    return inner(info.types[0]) if isinstance(info, inspect.UnionType) else info


def wrong_types(info: inspect.Type) -> list[object]:
    """Give a value of every type but the field's own."""
    own = {
        inspect.StrType: str,
        inspect.EnumType: str,
        inspect.IntType: int,
        inspect.BoolType: bool,
        inspect.VarTupleType: list,
        inspect.DictType: dict,
    }[type(info)]
    every: list[object] = ["7", 7, 7.0, True, ["7"], {"7": "7"}]
    return [value for value in every if type(value) is not own]


def out_of_bounds(info: inspect.Type) -> Iterator[object]:
    """Give values of the field's own type that it must not take."""
    match info:
        case inspect.StrType(min_length=low, max_length=high):
            yield from [""] if low else []
            yield from ["x" * (high + 1)] if high else []
        case inspect.EnumType():
            yield from ("", CANARY, "DIRECT")
        case inspect.IntType(ge=low, le=high):
            yield from [low - 1] if low is not None else []
            yield from [high + 1, 2**64 - 1, -(2**63)] if high is not None else []
        case inspect.VarTupleType(min_length=low, max_length=high):
            yield from [[]] if low else []
            yield ["x"] * ((high or 0) + 1)
        case inspect.DictType(max_length=high):
            yield {f"k{n}": "x" for n in range((high or 0) + 1)}


CASES: Final = [pytest.param(op, name, info, id=f"{op}.{name}") for op, name, info in fields()]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize(("op", "name", "info"), CASES)
def test_a_field_of_the_wrong_type_is_refused_with_its_path(
    codec: Codec, op: str, name: str, info: inspect.Type
) -> None:
    for value in wrong_types(info):
        error = refusal_of(codec, frame_of(op, **{name: value}))

        assert (error.code, error.path) == ("invalid", f"$.{name}")


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize(("op", "name", "info"), CASES)
def test_a_field_out_of_bounds_is_refused_with_its_path(
    codec: Codec, op: str, name: str, info: inspect.Type
) -> None:
    for value in out_of_bounds(info):
        error = refusal_of(codec, frame_of(op, **{name: value}))

        where = (error.path or "").removesuffix("[0]")  # of a long frame the first of too many is at fault
        assert (error.code, where) == ("invalid", f"$.{name}")
        assert "canary" not in error.text


@pytest.mark.parametrize(("op", "name", "info"), CASES)
def test_every_field_has_bounds(op: str, name: str, info: inspect.Type) -> None:
    match info:
        case inspect.StrType():
            bounded = info.max_length is not None or "}" in (info.pattern or "")
        case inspect.IntType():
            bounded = info.ge is not None and (info.le or MAX_INT + 1) <= MAX_INT
        case inspect.VarTupleType() | inspect.DictType():
            bounded = info.max_length is not None
        case _:
            bounded = isinstance(info, inspect.EnumType | inspect.BoolType)

    assert bounded


WRITTEN: Final = [
    case
    for case in CASES
    if isinstance(case.values[2], inspect.StrType | inspect.VarTupleType | inspect.DictType)
]


STRICT: Final = [case for case in WRITTEN if case.values[1] not in FREE]


@pytest.mark.parametrize(("op", "name", "info"), STRICT)
def test_text_with_control_characters_is_refused_with_its_path(
    op: str, name: str, info: inspect.Type
) -> None:
    shown = example_of(op, name)
    for letter in "\x00\x07\x1b\x7f\x85\x9b":
        text = shown + letter
        value = text if isinstance(info, inspect.StrType) else [text]
        error = refusal_of(
            JSON, frame_of(op, **{name: {text: shown} if isinstance(info, inspect.DictType) else value})
        )

        assert error.code == "invalid"
        assert (error.path or "").startswith(f"$.{name}")
        assert letter not in error.text


@pytest.mark.parametrize("letter", ["\x00", "\n", "\u202e", "e\u0301"])
def test_a_secret_may_hold_any_character(letter: str) -> None:
    _, operation = JSON.read_call(JSON.pack(frame_of("sign_in", password=letter * 9)).decode())

    assert operation.password == letter * 9  # type: ignore[union-attr]  # it is a SignIn


@pytest.mark.parametrize("name", ["name", "handle"])
def test_letters_that_turn_the_direction_of_text_cannot_stand_in_names(name: str) -> None:
    errors = [refusal_of(JSON, frame_of("register", **{name: f"ana{letter}"})) for letter in "\u202e\u2066\n"]

    assert [error.path for error in errors] == [f"$.{name}"] * 3


def example_of(op: str, name: str) -> str:
    """Give a text that the field takes, or that each of its items takes."""
    shown: Any = example(OPERATIONS[op]).get(name, "x")
    return str(
        shown[0] if isinstance(shown, list) else next(iter(shown)) if isinstance(shown, dict) else shown
    )


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_a_missing_field_is_named(codec: Codec, op: str) -> None:
    info = inspect.type_info(OPERATIONS[op])
    assert isinstance(info, inspect.StructType)

    for name in [field.encode_name for field in info.fields if field.required]:
        frame = frame_of(op)
        del frame[name]
        error = refusal_of(codec, frame)

        assert (error.code, error.text, error.path) == ("invalid", "This field is required.", f"$.{name}")


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_an_unknown_field_is_refused_and_named_if_it_looks_like_a_field(codec: Codec, op: str) -> None:
    found = [refusal_of(codec, frame_of(op, **{name: 1})) for name in ("nonsense", CANARY, "x" * 5_000, "")]

    assert [(error.code, error.text) for error in found] == [("invalid", "There is no such field.")] * 4
    assert [error.path for error in found] == ["$.nonsense", "$", "$", "$"]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_the_words_that_a_field_takes_are_told(codec: Codec) -> None:
    error = refusal_of(codec, frame_of("find_account", network=CANARY))

    assert error.text == "Expected one of: direct, messenger."


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_fault_inside_a_list_or_a_map_has_its_place(codec: Codec) -> None:
    places = [
        refusal_of(codec, frame_of("accept", threads=["t1", 5])).path,
        refusal_of(codec, frame_of("set_controls", controls={"followers": 5})).path,
        refusal_of(codec, frame_of("set_controls", controls={"": "none"})).path,
        refusal_of(codec, frame_of("set_controls", controls={CANARY * 9: "none"})).path,
    ]

    assert places == ["$.threads[1]", "$.controls[...]", "$.controls", "$.controls"]


@FEWER
@given(data=st.data(), op=st.sampled_from(sorted(OPERATIONS)))
def test_no_value_of_the_sender_is_repeated(data: st.DataObject, op: str) -> None:
    frame = {"id": 7, "op": op, **data.draw(plain(OPERATIONS[op]))}
    name = data.draw(st.sampled_from([*sorted(frame.keys() - {"id", "op"}), "unknown"]))

    for broken in (CANARY, [CANARY], {CANARY: CANARY}, {"a": {CANARY: [CANARY]}}):
        for codec in CODECS.values():
            packed = codec.pack({**frame, name: broken})
            try:
                codec.read_call(packed if codec.binary else packed.decode())
                said = ""
            except Malformed as wrong:
                said = f"{wrong.error.text} {wrong.error.path} {wrong}"
            assert "canary" not in said


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("op", ["", "Send", "send ", "nonsense", "__class__", None, 5, ["send"], {"a": 1}])
def test_an_unknown_operation_is_answered_and_not_repeated(codec: Codec, op: object) -> None:
    error = refusal_of(codec, {"id": 7, "op": op})

    assert (error.code, error.path) == ("unknown_operation", "$.op")
    assert "nonsense" not in error.text


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize(
    "frame",
    [
        None,
        True,
        5,
        "typing",
        [],
        [{"id": 1, "op": "typing", "thread": "t1"}],
        {},
        {"op": "typing", "thread": "t1"},
        *(
            {"id": call, "op": "typing", "thread": "t1"}
            for call in (0, -1, 2**53, 2**64 - 1, 1.0, True, "1", None)
        ),
    ],
)
def test_a_frame_that_is_no_call_closes_the_socket(codec: Codec, frame: object) -> None:
    packed = codec.pack(frame)

    with pytest.raises(ProtocolError) as caught:
        codec.read_call(packed if codec.binary else packed.decode())

    assert (caught.value.code, caught.value.close_code) == ("protocol_error", 4500)
    assert (caught.value.path or "").startswith("$")


def test_the_largest_numbers_that_every_reader_holds_are_taken() -> None:
    frame = {"id": MAX_INT, "op": "mark_read", "thread": "t1", "upto": MAX_INT}

    call, operation = JSON.read_call(JSON.pack(frame).decode())

    assert (call, operation.upto) == (MAX_INT, MAX_INT)  # type: ignore[union-attr]  # it is a MarkRead


@pytest.mark.parametrize(("codec", "data"), [(JSON, b'{"id":1,"op":"upgrade","as":"a"}'), (MSGPACK, "x")])
def test_the_other_type_of_frame_closes_the_socket(codec: Codec, data: bytes | str) -> None:
    with pytest.raises(WrongFrameType) as caught:
        codec.read_call(data)

    assert caught.value.close_code == 4501


# --- payloads that are meant to harm

DEEP: Final = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "nonsense",
        "NaN",
        '{"id":NaN}',
        '{"id":Infinity}',
        '{"id":1e999}',
        '{"id":01}',
        "{'id':1}",
        '{"id":1,}',
        '{"id":1}{"id":2}',
        "\ufeff{}",
        '"\\ud800"',
        "\ud800",
        '{"id":1,"op":"typing","thread":"\\udc00"}',
        '{"id":1,"op":"typing","thread":"line\nbreak"}',
        "[" * DEEP,
        '{"a":' * DEEP,
        '{"id":1,"op":"typing","thread":' + "[" * DEEP,
        '{"id":1,"id":2,"op":"upgrade","as":"a"}',
        '{"id":1,"op":"upgrade","op":"unlink","as":"a"}',
        '{"id":1,"op":"upgrade","as":"a","\\u0061s":"b"}',
        '{"id" :1,"op" :"send","thread" :"t","text" :"a","text" :"b","token" :"k"}',
        '{"id":1,"op":"set_controls","as":"a","if_version":1,"controls":{"a":"none","a":"inbox"}}',
        '[{"a":1,"a":2}]',
        '{"id":1,"op":"typing","thread":' + "[" * 1_000 + '{"a":1,"a":2}' + "]" * 1_000 + "}",
    ],
)
def test_harmful_json_closes_the_socket_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        JSON.read_call(text)

    assert caught.value.path == "$"
    assert len(caught.value.text) < 100


LONG_TEXT: Final = "word " * 1_000


@pytest.mark.parametrize("codec", CODECS.values())
def test_a_key_that_stands_twice_is_found_in_long_calls_too(codec: Codec) -> None:
    fields = [("id", 7), ("op", "send"), ("thread", "t"), ("text", LONG_TEXT), ("token", "k"), ("token", "l")]
    if codec.binary:
        data: bytes | str = msgpack.Packer().pack_map_pairs(fields)
    else:
        data = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in fields) + "}"

    with pytest.raises(ProtocolError):
        codec.read_call(data)


@pytest.mark.parametrize("codec", CODECS.values())
def test_long_frames_that_are_no_call_are_not_looked_through(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("looked through")

    monkeypatch.setattr("bridge.wire.codec._look_through", fail)
    monkeypatch.setattr("bridge.wire.codec._each_once", fail)

    for wrong in ({"thread": {"a": 1}}, {"op": "no such"}, {"more": [{"a": 1}] * 50}):
        refusal_of(codec, frame_of("send", text=LONG_TEXT) | wrong)


MANY: Final = 50_000


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize(
    "frame",
    [
        frame_of("who_is_here", accounts=[[]] * MANY),
        frame_of("who_is_here", accounts=["a"] * MANY),
        frame_of("count_unread", more=[[]] * MANY),
        frame_of("count_unread", **{f"more{n}": 0 for n in range(MANY // 10)}),
        frame_of("send", text=[{}] * MANY),
        frame_of("send", token={f"{n}": n for n in range(MANY // 10)}),
        frame_of("get_controls") | {"op": [[]] * MANY},
    ],
)
def test_nothing_is_built_of_what_a_call_may_not_hold(
    codec: Codec, frame: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = codec.pack(frame)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("built")

    monkeypatch.setattr("bridge.wire.codec.orjson.loads", fail)
    monkeypatch.setattr("bridge.wire.codec.msgpack.unpackb", fail)

    with pytest.raises(Malformed) as caught:
        codec.read_call(data if codec.binary else data.decode())

    assert caught.value.call == 7


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_long_calls_are_read_as_short_ones(codec: Codec, op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.pack(frame_of(op))
    frame = data if codec.binary else data.decode()
    short = codec.read_call(frame)
    refused = [refusal_of(codec, frame_of(op, more=1)).path, refusal_of(codec, {"id": 7, "op": ""}).path]
    monkeypatch.setattr("bridge.wire.codec.LONG", 0)

    assert codec.read_call(frame) == short
    assert type(codec.read_call(frame)[1]) is type(short[1])
    assert [
        refusal_of(codec, frame_of(op, more=1)).path,
        refusal_of(codec, {"id": 7, "op": ""}).path,
    ] == refused


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("call", [0, -1, 2**53, 1.5, True, None, "7", [7]])
def test_a_long_frame_without_an_id_closes_the_socket(codec: Codec, call: object) -> None:
    data = codec.pack(frame_of("send", text=LONG_TEXT) | {"id": call})

    with pytest.raises(ProtocolError) as caught:
        codec.read_call(data if codec.binary else data.decode())

    assert caught.value.path == "$.id"


def test_json_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ProtocolError):
        JSON.unpack_strictly(b'{"id":1,"op":"typing","thread":"\xff"}')


def test_colons_and_escapes_in_text_are_no_repeated_keys() -> None:
    text = '{"id":1,"op":"send","thread":"t","text":"10:30 \\":\\" \\u003a {\\"a\\":1}","token":"k"}'

    _, operation = JSON.read_call(text)

    assert operation.text == '10:30 ":" : {"a":1}'  # type: ignore[union-attr]  # it is a Send


@pytest.mark.parametrize("digits", [300, 5_000])
def test_whole_numbers_beyond_64_bits_are_refused(digits: int) -> None:
    frame = '{"id":7,"op":"mark_read","thread":"a:b","upto":%s}' % ("9" * digits)

    with pytest.raises(Malformed) as caught:
        JSON.read_call(frame)

    assert (caught.value.error.code, caught.value.error.path) == ("invalid", "$.upto")


TYPING: Final = b"\x83\xa2id\x07\xa2op\xa6typing\xa6thread"  # and the thread's value follows


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x93\x01",
        TYPING,
        TYPING + b"\xa1t" + b"\x00",
        TYPING + b"\xa1\xff",
        TYPING + b"\xa3\xed\xa0\x80",
        TYPING + b"\xd4\x05a",
        TYPING + b"\xc7\xff\x05" + b"a" * 255,
        b"\x81\x01\x01",
        b"\x81\xc0\xc0",
        b"\x81\x81\xa1a\x01\x01",
        b"\x84\xa2id\x07\xa2op\xa6typing\xa6thread\xa1t\xa6thread\xa1u",
        b"\xde\x00\x04\xa2id\x07\xa2op\xa6typing\xa6thread\xa1t\xa6thread\xa1u",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x91" * DEEP,
        b"\x81\xa1a" * DEEP,
        b"\xdc\xff\xff" * 1_020,
        b"\xdd\x00\x00\xff\xff" * 1_020,
        b"\xde\xff\xff\xa1a" * 500,
    ],
)
def test_harmful_messagepack_closes_the_socket(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        MSGPACK.read_call(data)

    assert caught.value.path == "$"
    assert len(caught.value.text) < 100


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"t1", "$.thread"),
        (msgpack.Timestamp(1), "$.thread"),
        ([], "$.thread"),
        (float("nan"), "$.thread"),
    ],
)
def test_what_only_messagepack_can_say_is_refused(value: object, path: str) -> None:
    error = refusal_of(MSGPACK, {"id": 7, "op": "typing", "thread": value})

    assert (error.code, error.path) == ("invalid", path)


def test_a_messagepack_key_of_bytes_is_refused() -> None:
    assert refusal_of(MSGPACK, {"id": 7, "op": "typing", b"thread": "t1"}).path == "$"


def test_headers_that_promise_much_cost_no_memory() -> None:
    bomb = b"\x81\xa2id" + b"\xdd\x00\x00\xff\xff" * 1_020
    tracemalloc.start()

    with pytest.raises(ProtocolError):
        MSGPACK.read_call(bomb)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000  # bytes; with room made at once it would be 500 MB


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_the_longest_list_that_a_call_may_have_is_taken(codec: Codec) -> None:
    phones = [f"+3519{number:08}" for number in range(5_000)]
    packed = codec.pack({"id": 7, "op": "upload_contacts", "as": "a1", "phones": phones})

    call, operation = codec.read_call(packed if codec.binary else packed.decode())

    assert call == 7
    assert list(operation.phones) == phones  # type: ignore[union-attr]  # it is an UploadContacts


# --- whatever comes


@given(data=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_the_declared_errors(data: bytes) -> None:
    for codec in CODECS.values():
        frame = data if codec.binary else data.decode("latin-1")
        for read in (codec.read_call, codec.read_frame):
            try:
                outcome: object = read(frame)
            except (ProtocolError, Malformed) as declared:
                outcome = declared
            assert outcome is not None


@given(data=st.data(), op=st.sampled_from(sorted(OPERATIONS)))
def test_damaged_calls_raise_nothing_but_the_declared_errors(data: st.DataObject, op: str) -> None:
    frame = {"id": 7, "op": op, **data.draw(plain(OPERATIONS[op]))}
    for codec in CODECS.values():
        packed = bytearray(codec.pack(frame))
        for _ in range(data.draw(st.integers(1, 4))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        try:
            outcome: object = codec.read_call(bytes(packed) if codec.binary else packed.decode("latin-1"))
        except (ProtocolError, Malformed) as declared:
            outcome = declared
        assert outcome is not None


KEYS: Final = st.sampled_from(['"id"', '"op"', '"a"', '"\\u0061"'])
DOCUMENTS: Final[st.SearchStrategy[str]] = st.recursive(
    st.sampled_from(["0", "-1", "1e5", "true", "null", '"a"', '"op"', '":"']),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{key} :{item}" for key, item in pairs) + "}"
        )
    ),
)


@given(text=DOCUMENTS)
def test_a_repeated_key_is_found_wherever_it_stands(text: str) -> None:
    repeated = []

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        repeated.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)
    try:
        JSON.unpack_strictly(text)
        refused = False
    except ProtocolError:
        refused = True

    assert refused is any(repeated)


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize(
    ("op", "field", "value", "said"),
    [
        ("register", "password", "short", "This takes at least 8 characters."),
        ("register", "password", "x" * 201, "This takes at most 200 characters."),
        ("accept", "threads", [], "This takes at least 1 entry."),
        ("upload_contacts", "phones", ["+491701234567"] * 5_001, "This takes at most 5,000 entries."),
    ],
)
def test_what_is_too_short_or_too_long_is_said_in_people_s_words(
    codec: Codec, op: str, field: str, value: object, said: str
) -> None:
    error = refusal_of(codec, frame_of(op, **{field: value}))

    assert (error.text, error.path) == (said, f"$.{field}")
