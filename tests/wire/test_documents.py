"""The published documents say what the types say, and nothing that the wire does not know."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml as public_yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from bridge.errors import CloseCode, SetupError
from bridge.wire import describe
from bridge.wire.asyncapi import asyncapi, examples
from bridge.wire.codec import CODECS, EVENTS, JSON, MSGPACK, OPERATIONS
from bridge.wire.describe import documents, main, with_tables, yaml
from bridge.wire.examples import example
from bridge.wire.operation import Operation
from bridge.wire.schema import JOURNAL, json_schema
from bridge.wire.tables import close_codes, error_classes, tables
from tests.wire.strategies import FEWER, plain
from tests.wire.transcript import steps

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "protocol.md").read_text(encoding="utf-8")
WORDS: Final = set(re.findall(r"`[^`\n]+`", PAGE))
SCHEMA: Final = json_schema()
DOCUMENT: Final = asyncapi()
EXAMPLES: Final = examples()
MESSAGES: Final = [
    "refusal",
    *(f"{side}_{op}" for op in OPERATIONS for side in ("call", "reply")),
    *(f"push_{tag}" for tag in EVENTS),
]


@cache
def validator(name: str) -> Draft202012Validator:
    """Judge frames by one definition of the JSON Schema."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def inside(value: object) -> Iterator[dict[str, Any]]:
    """Give every object in a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from inside(item)


def resolve(document: dict[str, Any], ref: str) -> object:
    """Follow a reference within a document."""
    found: Any = document
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def blocks(kind: str) -> list[str]:
    """Give the page's fenced blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


# --- what is checked in is what the types say


@pytest.mark.parametrize("name", ["asyncapi.yaml", "schema.json", "protocol.md"])
def test_the_documents_are_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")

    assert written == documents(PAGE)[name], "run: python -m bridge.wire.describe --write docs"


@pytest.mark.parametrize("kind", [*OPERATIONS.values(), *EVENTS.values()])
def test_the_page_names_every_operation_and_event_with_its_fields(kind: type[msgspec.Struct]) -> None:
    answer = kind.reply.__struct_encode_fields__ if issubclass(kind, Operation) else ()
    name = kind.op if issubclass(kind, Operation) else kind.__struct_config__.tag

    missing = {f"`{word}`" for word in (name, *kind.__struct_encode_fields__, *answer)} - WORDS

    assert not missing


def test_the_page_names_every_error_code_and_subprotocol() -> None:
    codes = {f"`{error.code}`" for error in error_classes()}
    temporary = {f"`{error.code}` | yes" for error in error_classes() if error.temporary}

    assert codes | {f"`{name}`" for name in CODECS} <= WORDS
    assert all(row in PAGE for row in temporary)


def test_the_page_names_every_close_code_and_whether_to_come_back() -> None:
    codes = {name: code for name, code in vars(CloseCode).items() if name.isupper()}

    assert {name: code for code, name, _ in close_codes()} == codes
    for name, code in codes.items():
        answer = "yes" if CloseCode.may_come_back(code) else "no"
        assert f"| {code} `{name}` | {answer} |" in PAGE


def test_the_page_links_to_headings_that_it_has() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_the_documents_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "protocol.md").write_text(PAGE, encoding="utf-8")

    main(["--write", str(tmp_path)])

    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == documents(PAGE)


@pytest.mark.parametrize("arguments", [[], ["--write"], ["--wirte", "docs"]])
def test_another_command_line_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SetupError, match="--write docs"):
        main(arguments)


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        (PAGE.replace("<!-- table: commands -->", ""), "commands"),
        (PAGE + "<!-- table: nonsense -->\n<!-- end of table -->\n", "nonsense"),
        (PAGE + "<!-- table: words -->\n<!-- end of table -->\n", "one twice"),
    ],
)
def test_a_page_that_lost_a_table_is_refused(page: str, wrong: str) -> None:
    with pytest.raises(SetupError, match=wrong):
        with_tables(page)


@pytest.mark.parametrize("name", tables())
def test_every_row_of_a_table_has_the_columns_of_its_head(name: str) -> None:
    rows = [re.split(r"(?<!\\)\|", line) for line in tables()[name].splitlines()]

    assert len(rows) > 2
    assert {len(row) for row in rows} == {len(rows[0])}


# --- the AsyncAPI document


def test_the_asyncapi_document_has_what_version_3_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert all({"host", "protocol"} <= server.keys() for server in DOCUMENT["servers"].values())
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"] == {"$ref": "#/channels/socket"}
        answers = operation.get("reply", {}).get("messages", [])
        for message in [*operation["messages"], *answers]:
            assert message["$ref"].startswith("#/channels/socket/messages/")
    for message in DOCUMENT["components"]["messages"].values():
        assert {"name", "title", "payload", "examples"} <= message.keys()


def test_the_hub_receives_every_call_and_sends_every_event() -> None:
    operations = DOCUMENT["operations"]

    received = {name for name, operation in operations.items() if operation["action"] == "receive"}
    sent = {name for name, operation in operations.items() if operation["action"] == "send"}

    assert received == set(OPERATIONS)
    assert sent == {f"push_{tag}" for tag in EVENTS}
    assert set(DOCUMENT["channels"]["socket"]["messages"]) == set(MESSAGES)


@pytest.mark.parametrize("document", [DOCUMENT, SCHEMA], ids=["asyncapi", "schema"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    refs = {found["$ref"] for found in inside(document) if "$ref" in found}

    assert len(refs) > 50
    assert all(isinstance(resolve(document, ref), dict) for ref in refs)


def test_the_document_lists_error_codes_and_close_codes() -> None:
    errors = {error["code"]: error["temporary"] for error in DOCUMENT["x-error-codes"]}
    closes = {close["code"]: close["comeBack"] for close in DOCUMENT["x-close-codes"]}

    assert errors == {error.code: error.temporary for error in error_classes()}
    assert closes[4000] is True
    assert closes[4500] is False


def test_the_yaml_means_what_the_document_says() -> None:
    assert public_yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8")) == DOCUMENT


PLAIN: Final = st.none() | st.booleans() | st.integers() | st.text(max_size=20)


@given(
    value=st.dictionaries(st.text(max_size=8), PLAIN | st.lists(PLAIN) | st.dictionaries(st.text(), PLAIN))
)
def test_any_plain_value_survives_our_yaml(value: dict[str, object]) -> None:
    text = json.dumps(value, ensure_ascii=True)
    simple = json.loads(re.sub(r"\\u[0-9a-f]{4}", "u", text))  # YAML readers differ on rare letters

    assert public_yaml.safe_load(yaml(simple)) == simple


@pytest.mark.parametrize(
    "word", ["yes", "No", "on", "null", "true", "1e5", "12", "1.5", "a: b", "- a", "#x", "", "~"]
)
def test_words_that_yaml_would_misread_are_quoted(word: str) -> None:
    assert public_yaml.safe_load(yaml({word: [word]})) == {word: [word]}


# --- the JSON Schema and the examples


def test_the_json_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert set(MESSAGES) <= SCHEMA["$defs"].keys()


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_valid_and_no_other_kind_of_frame(name: str) -> None:
    frame = EXAMPLES[name]
    kind = {"call": "Call", "repl": "Reply", "push": "Push", "refu": "Reply"}[name[:4]]

    validator(name).validate(frame)
    assert [group for group in ("Call", "Reply", "Push") if validator(group).is_valid(frame)] == [kind]


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_example_of_a_call_is_read_by_both_codecs(op: str) -> None:
    frame = EXAMPLES[f"call_{op}"]

    heard = [JSON.read_call(JSON.pack(frame).decode()), MSGPACK.read_call(MSGPACK.pack(frame))]

    assert heard[0] == heard[1]
    assert heard[0][1].op == op


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_example_of_an_answer_is_of_its_type(op: str) -> None:
    kind = OPERATIONS[op].reply

    assert isinstance(msgspec.convert(example(kind), kind), kind)
    assert example(kind).keys() <= set(kind.__struct_encode_fields__)


@pytest.mark.parametrize("op", OPERATIONS)
@FEWER
@given(data=st.data())
def test_the_schema_takes_what_the_codec_takes(op: str, data: st.DataObject) -> None:
    frame = {"id": 1, "op": op, **data.draw(plain(OPERATIONS[op]))}

    assert list(validator(f"call_{op}").iter_errors(frame)) == []


@pytest.mark.parametrize("op", OPERATIONS)
def test_the_schema_refuses_what_the_codec_refuses(op: str) -> None:
    frame = EXAMPLES[f"call_{op}"]

    for broken in ({**frame, "nonsense": 1}, {**frame, "id": 0}, {**frame, "op": "nonsense"}):
        with pytest.raises(ValidationError):
            validator(f"call_{op}").validate(broken)


@pytest.mark.parametrize("tag", EVENTS)
@FEWER
@given(data=st.data())
def test_the_schema_takes_every_push(tag: str, data: st.DataObject) -> None:
    place = {"account": "a1", "at": 1, "cursor": "c1"} if tag in JOURNAL else {}

    push = {**place, "event": data.draw(plain(EVENTS[tag]))}

    assert list(validator(f"push_{tag}").iter_errors(push)) == []


# --- the page's own examples


def test_every_frame_on_the_page_is_of_the_protocol() -> None:
    frames = [json.loads(line) for block in blocks("json") for line in block.splitlines()]

    assert len(frames) >= 6
    for frame in frames:
        Draft202012Validator(SCHEMA).validate(frame)


def test_the_frame_in_hex_is_the_call_before_it() -> None:
    (block,) = blocks("hex")

    assert MSGPACK.read_call(bytes.fromhex(block)) == JSON.read_call(blocks("json")[0].strip())


def test_the_chain_is_computed_as_the_page_says() -> None:
    (block,) = blocks("python")
    names: dict[str, Any] = {}

    exec(block, names)  # it ends in an assertion of its own

    assert len(names["link"]) == 32


def test_every_call_of_the_conversation_is_one() -> None:
    said = [step for step in steps(PAGE) if step.what == ">"]
    heard = [step for step in steps(PAGE) if step.what == "<"]

    assert {step.who for step in said} == {"ana", "ben"}
    assert len(heard) >= len(said)
    for step in said:
        assert isinstance(step.frame, dict)
        assert step.frame["op"] in [*OPERATIONS, "sing"]  # the last one shows what is answered to nonsense


def test_the_command_is_the_one_that_the_documents_name() -> None:
    assert describe.MADE in (DOCS / "asyncapi.yaml").read_text(encoding="utf-8")
