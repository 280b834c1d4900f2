"""What of two hubs' words is compared, where several calls were under way at once."""

from tests.twins.hubs import sorted_out
from tests.twins.wires import Fields


def appeared(name: str, account: str = "a2") -> Fields:
    """A thread with somebody appears, in the journal of another."""
    other = {"id": account, "network": "direct", "handle": name, "name": name}
    event = {"type": "thread_changed", "thread": "t1", "leg": "a1", "others": [other], "folder": "inbox"}
    return {"account": "a1", "at": 4, "event": event}


def test_as_what_an_account_is_shown_to_whoever_catches_up_is_chance() -> None:
    assert sorted_out([appeared("ben")]) == sorted_out([appeared("benjamin")])


def test_who_is_shown_is_none() -> None:
    assert sorted_out([appeared("ben")]) != sorted_out([appeared("ben", "a3")])


def test_what_an_answer_shows_is_none() -> None:
    answers: list[list[Fields]] = [
        [{"re": 1, "ok": {"account": {"id": "a2", "name": name}}}] for name in ("ben", "benjamin")
    ]
    assert sorted_out(answers[0]) != sorted_out(answers[1])
