"""Frames typed by hand, in either codec."""

import io
import json
import sys
from pathlib import Path

import pytest

from bridge.wire.codec import CODECS
from clients.tap import Unclear, main, read, tap
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving

SIGN_IN = '{"op":"sign_in","token":"token-ana"}\n'


async def tapped(typed: str, codec: str = "json", token: str | None = None) -> tuple[int, list[str]]:
    stdout = io.StringIO()
    async with serving(FakeHub()) as url:
        code = await tap(url, CODECS[f"isthmus.v1.{codec}"], token, io.StringIO(typed), stdout)
    return code, stdout.getvalue().splitlines()


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_pipe_of_calls_shows_both_directions_and_waits_for_the_answers(codec: str) -> None:
    code, lines = await tapped(SIGN_IN + "count_unread\n", codec)

    assert code == 0
    assert json.loads(lines[0][2:]) == {"id": 1, "op": "sign_in", "token": "token-ana"}
    answers = [json.loads(line[2:]) for line in lines if line.startswith("< ")]
    assert [answer["re"] for answer in answers] == [1, 2]
    assert answers[0]["ok"]["hub"] == "fake"


async def test_a_token_signs_in_before_the_first_line() -> None:
    _, lines = await tapped("list_devices\n!\n", token="token-ana")

    assert '> {"id":1,"op":"sign_in","token":"…"}' in lines
    assert not any("token-ana" in line for line in lines)
    assert [json.loads(line[2:])["op"] for line in lines if line.startswith("> ")] == [
        "sign_in",
        "list_devices",
    ]


async def test_what_was_sent_is_listed_and_sent_again_under_a_new_id() -> None:
    _, lines = await tapped(SIGN_IN + 'list_threads {"limit": 3}\n!\n!2\n!9\n\n')

    assert '2. {"op":"list_threads","limit":3}' in lines
    assert '> {"id":3,"op":"list_threads","limit":3}' in lines
    assert "There is no such number; ! lists what was sent." in lines


async def test_ids_of_ones_own_go_on_from_there() -> None:
    _, lines = await tapped('{"id":40,"op":"sign_in","token":"token-ana"}\ncount_unread\n')

    assert '> {"id":41,"op":"count_unread"}' in lines


async def test_broken_lines_are_explained_and_raw_ones_are_sent_as_they_are() -> None:
    _, lines = await tapped(SIGN_IN + '{"op":\nlist_threads 7\nraw {"id":9,"op":"sing"}\ncount_unread\n')

    assert any(line.startswith("This is not JSON") for line in lines)
    assert "A call is an object, or an operation's name and an object." in lines
    assert any('"re":9,"error":{"code":"unknown_operation"' in line for line in lines)


async def test_an_id_of_another_kind_is_sent_as_it_is() -> None:
    _, lines = await tapped(SIGN_IN + '{"id":[7],"op":"count_unread"}\n')

    assert '> {"id":[7],"op":"count_unread"}' in lines


def test_a_token_file_that_cannot_be_read_is_a_mistake_of_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["ws://127.0.0.1:1", "--token-file", str(tmp_path / "nothing")])

    assert left.value.code == 2
    assert "no token can be read" in capsys.readouterr().err


async def test_a_closed_connection_is_shown_with_its_code() -> None:
    code, lines = await tapped(SIGN_IN + "sign_out\n" + "count_unread\n" * 50)

    assert code in (0, 1)
    assert code == 0 or lines[-1].startswith("closed 4504")


def test_a_short_call_is_a_name_and_an_object() -> None:
    assert read("count_unread") == {"op": "count_unread"}
    assert read('send {"text": "x"}') == {"op": "send", "text": "x"}
    with pytest.raises(Unclear):
        read("[1]")


def test_nobody_at_the_address_is_said_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("token-ana\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    code = main(["http://nowhere", "--token-file", str(tmp_path / "token")])

    assert code == 1
    assert "no address of a hub" in capsys.readouterr().out
