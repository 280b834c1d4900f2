"""Each broken promise is found in a history written by hand, and none in a good one."""

from tests.faults.script import ANA, BEN, THREAD, Script


def test_a_good_history_is_not_accused() -> None:
    script = Script()
    script.good_messages("one", "two")
    verdict = script.judged()
    assert verdict.findings == []
    assert (verdict.acknowledged, verdict.told) == (2, 4)


def test_an_acknowledged_message_that_one_side_never_saw_is_lost() -> None:
    script = Script()
    script.send(script.ben, "one", seq=1)
    script.hear(script.ben, BEN, script.message("one", 1))
    assert script.judged().kinds == {"lost"}


def test_an_acknowledged_message_that_one_side_had_to_look_for_was_never_told() -> None:
    script = Script()
    script.send(script.ben, "one", seq=1)
    message = script.message("one", 1)
    script.hear(script.ben, BEN, message)
    script.ask(script.ana, "history", {"thread": THREAD}, {"messages": [message]})
    assert script.judged().kinds == {"untold"}


def test_whoever_came_after_a_message_need_not_be_told() -> None:
    script = Script(comes=False)
    script.send(script.ben, "one", seq=1)
    message = script.message("one", 1)
    script.hear(script.ben, BEN, message)
    ana = script.sign_in(ANA, head=1)
    script.ask(ana, "history", {"thread": THREAD}, {"messages": [message]})
    assert script.judged().findings == []


def test_another_text_at_an_acknowledged_place_is_a_loss() -> None:
    script = Script()
    script.send(script.ben, "one", seq=1)
    script.both_hear(script.message("two", 1))
    assert "lost" in script.judged().kinds


def test_one_text_at_two_places_was_said_twice() -> None:
    script = Script()
    script.good_messages("one")
    script.both_hear(script.message("one", 2))
    assert script.judged().kinds == {"said_twice"}


def test_two_texts_at_one_place_are_found() -> None:
    script = Script()
    script.good_messages("one")
    script.ask(script.ana, "history", {}, {"messages": [script.message("other", 1)]})
    assert "seq_means_two" in script.judged().kinds


def test_a_position_left_out_is_a_gap_and_one_told_again_a_duplicate() -> None:
    script = Script()
    script.good_messages("one")
    script.hear(script.ana, ANA, script.message("two", 2), at=3)
    script.hear(script.ana, ANA, script.message("three", 3), at=3)
    assert script.judged().kinds == {"gap", "duplicate", "position_means_two"}


def test_coming_back_goes_on_right_after_the_cursor() -> None:
    script = Script()
    script.good_messages("one", "two")
    script.history.ended(script.ana)
    again = script.sign_in(ANA, after=1, head=2)
    script.hear(again, ANA, script.message("two", 2), at=2)
    verdict = script.judged()
    assert verdict.findings == []
    assert verdict.resumed == 1


def test_coming_back_one_too_late_is_a_gap() -> None:
    script = Script()
    script.good_messages("one", "two", "three")
    again = script.sign_in(ANA, after=1, head=3)
    script.hear(again, ANA, script.message("three", 3), at=3)
    assert script.judged().kinds == {"gap"}


def test_a_journal_that_is_shorter_than_before_went_back() -> None:
    script = Script()
    script.good_messages("one", "two")
    script.sign_in(ANA, after=1, head=1)
    assert script.judged().kinds == {"went_back"}


def test_what_was_told_at_another_hub_while_a_client_came_back_may_be_news_there() -> None:
    script = Script()
    script.good_messages("one", "two")
    back = script.history.opened(ANA)
    script.history.left(back, {"id": 1, "op": "sign_in", "cursors": [f"{ANA}.2"]})
    script.send(script.ben, "three", seq=3)
    script.both_hear(script.message("three", 3))
    leg = {"account": ANA, "head": 2, "cursor": f"{ANA}.2"}
    ok = {"device": f"d-{ANA}", "accounts": [{"id": ANA}], "legs": [leg]}
    script.history.came(back, {"re": 1, "ok": ok})
    assert script.judged().findings == []


def test_a_snapshot_where_a_cursor_was_good_is_named() -> None:
    script = Script()
    script.good_messages("one")
    script.sign_in(ANA, after=1, head=1, state="snapshot")
    assert script.judged().kinds == {"not_resumed"}


def test_a_thread_told_out_of_order_is_found() -> None:
    script = Script()
    one, two = script.message("one", 1), script.message("two", 2)
    script.both_hear(two)
    script.both_hear(one)
    assert "thread_order" in script.judged().kinds


def test_a_device_that_came_while_news_were_late_is_no_disorder() -> None:
    script = Script()
    script.good_messages("one", "two", "three")
    twin = script.sign_in(ANA, head=4)
    four, five = script.message("four", 4), script.message("five", 5)
    for token, message in (("four", four), ("five", five)):
        script.send(script.ben, token, seq=message["seq"])
        script.hear(script.ben, BEN, message)
    script.hear(twin, ANA, five, at=5)
    script.hear(script.ana, ANA, four, at=4)
    script.hear(script.ana, ANA, five, at=5)
    assert script.judged().findings == []


def test_what_a_sender_said_first_stands_first() -> None:
    script = Script()
    first = script.send(script.ben, "one")
    second = script.send(script.ben, "two")
    script.verdict(script.ben, second, seq=1)
    script.verdict(script.ben, first, seq=2)
    script.both_hear(script.message("two", 1))
    script.both_hear(script.message("one", 2))
    assert script.judged().kinds == {"sender_order"}


def test_a_message_sent_again_later_may_stand_later() -> None:
    script = Script()
    script.send(script.ben, "one")
    script.send(script.ben, "two", seq=1)
    script.send(script.ben, "one", seq=2)
    script.both_hear(script.message("two", 1))
    script.both_hear(script.message("one", 2))
    assert script.judged().findings == []


def test_a_send_without_a_verdict_is_unanswered_for_ever() -> None:
    script = Script()
    script.send(script.ben, "one")
    assert script.judged().kinds == {"unanswered"}


def test_one_token_has_one_verdict() -> None:
    script = Script()
    script.good_messages("one")
    script.send(script.ben, "one", seq=2)
    assert script.judged().kinds == {"other_verdict"}


def test_a_refused_message_that_was_delivered_is_found() -> None:
    script = Script()
    script.send(script.ben, "one", error="request_pending")
    script.both_hear(script.message("one", 1))
    assert script.judged().kinds == {"refused_yet_said"}


def _shut(script: Script, value: str = "none") -> int:
    fields = {"as": ANA, "if_version": 0, "controls": {"others_on_messenger": value}}
    return script.ask(script.ana, "set_controls", fields)


def test_a_message_sent_after_an_acknowledged_control_must_not_pass() -> None:
    script = Script()
    call = _shut(script)
    script.history.came(script.ana, {"re": call, "ok": {"version": 1}})
    script.good_messages("one")
    verdict = script.judged()
    assert verdict.kinds == {"against_control"}
    assert verdict.governed == 1


def test_a_message_beside_a_control_on_its_way_may_pass_or_not() -> None:
    script = Script()
    _shut(script)
    script.good_messages("one")
    script.send(script.ben, "two", error="not_accepting")
    assert script.judged().findings == []


def test_a_door_that_was_opened_again_lets_pass() -> None:
    script = Script()
    for value in ("none", "requests"):
        script.history.came(script.ana, {"re": _shut(script, value), "ok": {"version": 1}})
    script.good_messages("one")
    assert script.judged().findings == []


def test_an_opening_whose_connection_broke_leaves_it_open_what_stands() -> None:
    script = Script()
    script.history.came(script.ana, {"re": _shut(script), "ok": {"version": 1}})
    _shut(script, "requests")
    script.history.ended(script.ana)
    script.ana = script.sign_in(ANA)
    script.good_messages("one")
    assert script.judged().findings == []


def test_a_block_shuts_both_ways() -> None:
    script = Script()
    block = {"as": BEN, "account": ANA, "tie": "block"}
    script.ask(script.ben, "set_tie", block, {"state": "on"})
    script.good_messages("one")
    assert script.judged().kinds == {"against_control"}


def test_to_be_turned_away_at_an_open_door_is_found() -> None:
    script = Script()
    script.send(script.ben, "one", error="not_accepting")
    assert script.judged().kinds == {"refused_for_nothing"}


def test_a_revoked_device_hears_and_asks_nothing_more() -> None:
    script = Script()
    script.ask(script.ana, "revoke_device", {"device": f"d-{BEN}"}, {})
    script.good_messages("one")
    assert script.judged().kinds == {"revoked_lives"}


def test_a_link_that_does_not_follow_breaks_the_chain() -> None:
    script = Script()
    message = script.message("one", 1)
    script.send(script.ben, "one", seq=1)
    script.both_hear({**message, "link": "00" * 32})
    assert script.judged().kinds == {"chain"}


def test_events_of_anothers_journal_and_answers_to_nothing_are_found() -> None:
    script = Script()
    script.hear(script.ana, BEN, script.message("one", 1))
    script.history.came(script.ana, {"re": 9_999, "ok": {}})
    assert script.judged().kinds == {"not_his", "answered_twice"}
