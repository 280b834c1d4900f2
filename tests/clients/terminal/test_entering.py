"""How a person gets in: secrets in files, and what was unsent the last time."""

import io
from pathlib import Path

import pytest

from bridge.app import Hub
from bridge.errors import CloseCode
from bridge.ids import ThreadId
from bridge.wire.commands import Send
from clients import Backoff, Options
from clients.outbox_file import OutboxFile
from clients.terminal.plain import FAILED, NOT_SIGNED_IN, OK, chat
from clients.terminal.tokens import state_folder
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import ANA, BEN
from tests.clients.terminal.people import AT_ONCE, DIRECT, PASSWORD, at_keyboard, person

LONG_AWAY = Options(backoff=Backoff(min_s=600, max_s=600), acknowledge=False)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return state_folder()


def unsent(path: Path, text: str) -> Path:
    """Make the outbox of an earlier client."""
    with OutboxFile(path) as file:
        file.add(Send(thread=ThreadId("no-such-thread"), text=text, token="k"))
    return path


def kept(state: Path) -> list[Path]:
    """Name the files that are kept for next time."""
    return [path for path in state.rglob("*") if path.is_file()]


async def signed_in(url: str, typed: str = "", **given: object) -> tuple[int, str]:
    """Chat through a pipe; give the exit code and what was said."""
    stdout = io.StringIO()
    more = {"options": AT_ONCE, **given}
    code = await chat(url, stdin=io.StringIO(typed), stdout=stdout, **more)  # type: ignore[arg-type]
    return code, stdout.getvalue()


async def test_what_is_typed_while_away_goes_out_when_one_chats_again(state: Path) -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    async with serving(hub) as url:
        sitting = at_keyboard(url, "token-ana", is_terminal=True, options=LONG_AWAY)
        async with sitting as (keyboard, paper):
            keyboard.type("/threads")
            keyboard.type("/open 1")
            await paper.has("1. From Ben")
            hub.close_all(CloseCode.DRAINING)
            await paper.has("Connection lost")
            keyboard.type("typed while away")
            keyboard.type("/quit")
            said = await paper.has("Not sent")
        async with at_keyboard(url, "token-ana") as (_, paper):
            sent = await paper.has("Sent from last time")

    assert said == "Not sent yet: 1. Kept, and sent when you chat here next time."
    assert sent.endswith("to Ben (ben on Messenger), as ana on Direct, number 2: typed while away")
    assert {path.parent for path in kept(state)} == {state / "outbox"}


async def test_what_is_unsent_is_kept_with_the_account_whatever_its_token(state: Path) -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    hub.devices["another-token"] = (ANA,)
    async with serving(hub) as url:
        sitting = at_keyboard(url, "token-ana", is_terminal=True, options=LONG_AWAY)
        async with sitting as (keyboard, paper):
            keyboard.type("/threads")
            keyboard.type("/open 1")
            await paper.has("1. From Ben")
            hub.close_all(CloseCode.DRAINING)
            await paper.has("Connection lost")
            keyboard.type("typed while away")
            await paper.has("Waiting")
            keyboard.type("/quit")
            await paper.has("Not sent yet: 1.")
        async with at_keyboard(url, "another-token") as (_, paper):
            sent = await paper.has("Sent from last time")

    assert sent.endswith("number 2: typed while away")


async def test_what_is_typed_while_the_hub_hangs_is_said_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.terminal.chat.PATIENCE_S", 0.01)
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    async with serving(hub) as url, at_keyboard(url, "token-ana", is_terminal=True) as (keyboard, paper):
        keyboard.type("/threads")
        keyboard.type("/open 1")
        await paper.has("1. From Ben")
        (wire,) = hub.wires
        monkeypatch.setattr(wire, "receive", lambda data: None)
        keyboard.type("one")
        waits = await paper.has("Waiting")
        hub.close_all(CloseCode.DRAINING)
        sent = await paper.has("Sent as ana on Direct")

    assert waits == "Waiting: the hub does not answer yet. This is sent once, when it does."
    assert sent == "Sent as ana on Direct, number 2."


async def test_what_is_typed_while_away_is_said_to_wait() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    async with serving(hub) as url:
        sitting = at_keyboard(url, "token-ana", is_terminal=True, options=LONG_AWAY)
        async with sitting as (keyboard, paper):
            keyboard.type("/threads")
            keyboard.type("/open 1")
            await paper.has("1. From Ben")
            hub.close_all(CloseCode.DRAINING)
            await paper.has("Connection lost")
            for text in ("one", "two"):
                keyboard.type(text)
                waits = await paper.has("Waiting")
                assert waits == "Waiting: there is no connection. This is sent once, when it is back."


async def test_what_was_unsent_and_is_refused_now_is_shown_in_whole(tmp_path: Path) -> None:
    async with serving(FakeHub()) as url:
        outbox = unsent(tmp_path / "outbox", "to nobody\nany more")
        async with at_keyboard(url, "token-ana", outbox=outbox) as (_, paper):
            said = await paper.has("Not sent from last time")
            more = await paper.has("")

    assert said.endswith("There is nothing here by that name for you. It said: to nobody")
    assert more == "  more: any more"


async def test_a_second_chat_of_an_account_says_that_it_keeps_nothing() -> None:
    hub = FakeHub()
    async with serving(hub) as url, at_keyboard(url, "token-ana"):
        code, said = await signed_in(url, token="token-ana")

    assert code == OK
    assert said.startswith("What is unsent when you leave will be lost: another chat of yours is open")


@pytest.mark.parametrize("content", [None, b"no outbox"])
async def test_a_chosen_outbox_that_cannot_be_used_ends_it(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "chosen").mkdir() if content is None else (tmp_path / "chosen").write_bytes(content)

    code, said = await signed_in("ws://127.0.0.1:1", token="t", outbox=tmp_path / "chosen")

    assert code == FAILED
    assert said.startswith("Unsent messages cannot be kept there: ")
    assert str(tmp_path / "chosen") in said


async def test_a_chosen_outbox_that_another_uses_ends_it(tmp_path: Path) -> None:
    with OutboxFile(tmp_path / "chosen"):
        code, said = await signed_in("ws://127.0.0.1:1", token="t", outbox=tmp_path / "chosen")

    assert (code, "Another client uses this outbox" in said) == (FAILED, True)


async def test_a_chosen_outbox_of_another_account_ends_it_and_leaves_no_device(
    hub: Hub, tmp_path: Path
) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        with OutboxFile(unsent(tmp_path / "chosen", "of somebody")) as file:
            file.belong_to(ANA)

        typed = f"{PASSWORD}\n"
        code, said = await signed_in(
            hub.url, typed, network="direct", handle="ana", outbox=tmp_path / "chosen"
        )
        devices = [device.name for device in (await ana.list_devices()).devices]

    assert (code, devices) == (FAILED, ["tests"])
    assert "unsent messages of another account; sign in as that one" in said
    with OutboxFile(tmp_path / "chosen") as file:
        assert len(file.unsent()) == 1


async def test_a_name_that_was_another_accounts_before_sends_nothing_of_that_one(
    hub: Hub, state: Path
) -> None:
    async with person(hub, DIRECT, "Ana"):
        who = {"network": "direct", "handle": "ana"}
        await signed_in(hub.url, f"{PASSWORD}\n", **who)
        (outbox,) = (path for path in kept(state) if path.parent.name == "outbox")
        with OutboxFile(unsent(outbox, "of somebody")) as file:
            file.belong_to(ANA)

        code, said = await signed_in(hub.url, **who)

    assert code == OK
    assert said.startswith("What is unsent when you leave will be lost: ")
    assert "of another account, which bore this name before" in said
    assert "of somebody" not in said


async def test_who_wants_nothing_kept_leaves_nothing(state: Path) -> None:
    async with serving(FakeHub()) as url:
        code, _ = await signed_in(url, token="token-ana", keep=False)

    assert code == OK
    assert kept(state) == []


@pytest.mark.parametrize("keep", [True, False])
async def test_a_sign_in_that_is_not_kept_ends_with_the_chat(hub: Hub, keep: bool) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        for _ in range(3):
            await signed_in(hub.url, f"{PASSWORD}\n", network="direct", handle="ana", keep=keep)

        left = [device.name for device in (await ana.list_devices()).devices if not device.here]

    assert left == ["isthmus chat"] * keep


async def test_a_password_and_a_token_may_come_from_files(hub: Hub, tmp_path: Path) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        (tmp_path / "token").write_text(f"{ana.token}\n")
        by_password = await signed_in(
            hub.url, network="direct", handle="ana", password_file=tmp_path / "password", keep=False
        )
        by_token = await signed_in(hub.url, token_file=tmp_path / "token", keep=False)

    for code, said in (by_password, by_token):
        assert (code, said.partition(".")[0]) == (OK, "Signed in as ana on Direct")


async def test_a_secret_that_is_missing_or_wrong_says_what_to_look_at(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "wrong").write_text("wrong")
    as_ana = {"network": "direct", "handle": "ana", "keep": False}
    for given, expected in (
        ({"token_file": tmp_path / "absent"}, "absent cannot be read"),
        ({"token_file": tmp_path / "empty"}, "There is nothing in"),
        ({"token_file": tmp_path / "wrong"}, "Is the token still good, and of this hub?"),
        ({"password_file": tmp_path / "wrong"}, "Check the network, the name and the password."),
    ):
        code, said = await signed_in(hub.url, "not asked\n", **{**as_ana, **given})

        assert (code, expected in said, "not shown" in said) == (NOT_SIGNED_IN, True, False), said
