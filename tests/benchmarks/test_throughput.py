"""The throughput benchmark: the naive relay stays naive, and the load notices every broken delivery."""

from pathlib import Path

import orjson
import pytest

import benchmarks.naive_relay as naive
from benchmarks.load.generator import by_turn
from benchmarks.load.talk import Side, Tally
from benchmarks.throughput import main, parsed, wanted_of

SOURCE = Path(naive.__file__).read_text("utf-8")
FILLER = " See you at nine by the boat house; bring the old papers."


def test_the_naive_relay_is_what_the_figures_say() -> None:
    assert len(SOURCE.splitlines()) <= 40
    assert "compression=None" in SOURCE
    assert SOURCE.count("orjson.loads") == 2  # the sign-in, and each frame
    assert (
        SOURCE.count("socket.send(") + SOURCE.count("peer.send(") == 3
    )  # the sign-in; delivery, acknowledgement
    assert "LOOP" in SOURCE


def hearing(*pushes: tuple[int, int, str]) -> list[str]:
    """Have a side hear messages of its partner, as (position, seq, text); give the faults that it noticed."""
    tally = Tally()
    side = Side(tally, "a-reader", "json", window=0, marks=0, chain=False)
    side.thread = "t1"
    for at, seq, text in pushes:
        message = {"thread": "t1", "seq": seq, "sender": "a-writer", "at": 1, "text": text}
        push = {"account": "a-reader", "at": at, "event": {"type": "message_sent", "message": message}}
        side.on_frame(orjson.dumps(push))
    return tally.faults


def said(number: int) -> str:
    """Give the text that a side says at its turn."""
    return f"{number:08d}{FILLER}"


def test_good_deliveries_are_no_fault() -> None:
    assert hearing((1, 1, said(0)), (2, 2, said(1)), (3, 3, said(3))) == []  # 2 was refused


@pytest.mark.parametrize(
    "second",
    [(3, 2, said(1)), (2, 3, said(1)), (2, 2, said(0)), (2, 2, said(1)[:-1])],
    ids=["a position is left out", "a seq is left out", "a text comes twice", "a text is altered"],
)
def test_a_broken_delivery_is_a_fault(second: tuple[int, int, str]) -> None:
    assert len(hearing((1, 1, said(0)), second)) == 1


def test_a_latency_belongs_to_the_time_of_its_send_however_late_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally, clock = Tally(), iter((10.0, 20.0))
    monkeypatch.setattr("benchmarks.load.talk.perf_counter", lambda: next(clock))
    tally.begin()
    tally.end()
    for sent in (5.0, 12.0, 19.0, 25.0):
        if tally.counts(sent):
            tally.begun_at.append(sent)
            tally.acknowledged_s.append(sent / 1_000)

    turns = by_turn(tally, [(10.0, "alone"), (15.0, ""), (18.0, "beside")])

    assert (turns["alone"].max, turns["beside"].max) == (12, 19)


@pytest.mark.parametrize(("code", "faults"), [("busy", 0), ("not_found", 1)])
def test_a_hub_that_is_asked_too_much_breaks_no_promise(code: str, faults: int) -> None:
    tally = Tally()
    side = Side(tally, "a-reader", "json", window=0, marks=0, chain=False)

    side.on_frame(orjson.dumps({"re": 1_000_000_001, "error": {"code": code}}))

    assert len(tally.faults) == faults


def test_an_answer_that_was_translated_is_verified_below_its_quotation() -> None:
    tally = Tally()
    side = Side(tally, "a-reader", "json", window=0, marks=0, chain=False)
    for seq, text in ((1, said(0)), (2, said(1)[:-1])):
        shown = {"text": f"> {said(7)}\n{text}", "translation": {"converted": ["reply"]}}
        message = {"thread": "t1", "seq": seq, "sender": "a-writer", **shown}
        side.on_frame(orjson.dumps({"at": seq, "event": {"type": "message_sent", "message": message}}))

    assert side.heard == 2
    assert len(tally.faults) == 1  # the second was altered


def test_a_link_that_does_not_follow_is_a_fault_where_chains_are_proven() -> None:
    tally = Tally()
    side = Side(tally, "a-reader", "json", window=0, marks=0, chain=True)
    message = {
        "thread": "t1",
        "seq": 1,
        "sender": "a",
        "text": said(0),
        "digest": "00" * 32,
        "link": "11" * 32,
    }
    side.on_frame(orjson.dumps({"at": 1, "event": {"type": "message_sent", "message": message}}))
    assert len(tally.faults) == 1


@pytest.mark.slow
@pytest.mark.long
def test_the_benchmark_runs_and_finds_no_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    short = [
        "--pairs",
        "5",
        "--window",
        "4",
        "--seconds",
        "0.2",
        "--chain",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    assert main(short) == 0
    names = [row["name"] for row in orjson.loads(capsys.readouterr().out)]
    assert names == ["hub, json", "hub, msgpack", "naive relay"]


def test_all_kinds_of_pairs_are_in_the_mix_unless_told_otherwise() -> None:
    wanted = wanted_of(parsed([]))
    assert min(wanted.mix) > 0
    assert sum(wanted.mix) == pytest.approx(1)
