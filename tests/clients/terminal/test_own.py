"""The own account at the keyboard: how it appears, its password, and refusing strangers only."""

from pathlib import Path

import pytest

from bridge.app import Hub
from bridge.wire.values import AccountState, Hybrid
from tests.clients.terminal.people import DIRECT, MESSENGER, PASSWORD, chatted, own, person


async def test_a_profile_is_shown_and_changed(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        lines = await chatted(
            hub, DIRECT, "Ana", "/profile", "/profile typing off", "/profile private on",
            "/profile name Ana Lima", "/profile typing perhaps", "/profile",
        )  # fmt: skip
        found = (await ana.find_account(account=own(ana))).account

    assert lines[:5] == [
        "ana on Direct: Ana. /profile typing off changes one of these:",
        "private off: anybody may follow you.",
        "typing on: others see when you type.",
        "presence on: others see when you are online.",
        "receipts on: others see how far you have read.",
    ]
    assert lines[5:9] == [
        "Changed. typing off: nobody sees when you type.",
        "Changed. private on: who wants to follow you has to ask.",
        "ana on Direct is called Ana Lima now.",
        "Say what to change: /profile name Ana Lima, or /profile typing off",
    ]
    assert lines[9:12] == [
        "ana on Direct: Ana Lima. /profile typing off changes one of these:",
        "private on: who wants to follow you has to ask.",
        "typing off: nobody sees when you type.",
    ]
    assert (found.name, found.private) == ("Ana Lima", True)


async def test_a_password_is_changed_without_being_shown(hub: Hub) -> None:
    new = "another horse battery"
    async with person(hub, DIRECT, "Ana"):
        lines = await chatted(
            hub, DIRECT, "Ana", "/password now", "/password", PASSWORD, new, "mistyped", "/password", "wrong",
            new, new, "/password", PASSWORD, new, new,
        )  # fmt: skip

    said = [line for line in lines if not line.endswith("(not shown):")]
    assert said == [
        "Say just /password; it is asked for, so that nobody sees it.",
        "These were two different passwords; nothing was changed.",
        "Not done: That is not the present password; nothing was changed.",
        "The password of ana on Direct is changed; its other devices are signed out.",
    ]


async def test_the_other_network_may_be_refused_without_leaving_it(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Annie"):
        lines = await chatted(
            hub, DIRECT, "Ana", "/link annie on messenger", PASSWORD, "/upgrade", "/set 6 none", "keep",
            "/controls",
        )  # fmt: skip
        me = ana.accounts[own(ana)]

    assert "This would happen: Your inboxes separate again: chats across networks close." in lines
    assert "6. anyone else on Messenger: don't receive" in lines
    assert "Refusing the other network refuses strangers only; accepted chats go on." in lines
    assert me.hybrid is Hybrid.ON


async def test_phone_numbers_of_a_file_are_uploaded_and_forgotten(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("+49 170 123-4567\n\n0043 (1) 234 567\n+491701234567\n")
    async with person(hub, DIRECT, "Ana"):
        lines = await chatted(
            hub, DIRECT, "Ana", f"/contacts {tmp_path / 'numbers.txt'}", "/contacts none", "/contacts"
        )

    assert lines == [
        "Uploaded for ana on Direct: 2 numbers, in place of those before. The hub keeps only a hash of each.",
        "The hub knows no contacts of ana on Direct any more.",
        "Name a file with a phone number a line: /contacts numbers.txt; /contacts none forgets all.",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file"),
        (b"\xff\xfe", "cannot be read"),
        (b"+491701234567\n0170 1234567\n", "Line 2 is no phone number with its country"),
        (b"\n", "There is no number in it, so nothing was changed"),
        (b"".join(b"+49170%07d\n" % number for number in range(5_001)), "the hub takes 5,000"),
    ],
)
async def test_what_is_no_list_of_phone_numbers_is_not_uploaded(
    hub: Hub, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "numbers.txt").write_bytes(content)
    async with person(hub, DIRECT, "Ana"):
        (line,) = await chatted(hub, DIRECT, "Ana", f"/contacts {tmp_path / 'numbers.txt'}")

    assert said in line
    assert "1234567" not in line.replace("as +49 170 1234567", "")


async def test_an_account_is_deleted_after_a_warning_and_comes_back(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        kept = await chatted(
            hub,
            DIRECT,
            "Ana",
            "/delete ben",
            "/delete",
            "no",
            "/delete",
            "yes",
            "",
            "/delete",
            "yes",
            "wrong",
        )
        lines = await chatted(hub, DIRECT, "Ana", "/delete", "yes", PASSWORD, "/open ben on messenger", "hi")
        state = ana.accounts[own(ana)].state
        back = await chatted(hub, DIRECT, "Ana", "/accounts", "/restore now", "/restore", "/restore")
        found = (await ben.find_account(DIRECT, "ana")).account

    assert "/delete is about your whole account and takes nothing more. Nothing was deleted." in kept
    assert "Nothing was changed." in kept
    assert "No password is given, so nothing was deleted." in kept
    assert "That is not the password of ana on Direct; nothing was deleted." in kept
    assert not any("is deleted" in line for line in kept)
    assert "ana on Direct is out of use now." in lines  # a hub tells a deletion and its operator's deed alike
    assert any(line.startswith("ana on Direct is deleted. Until it is erased, /restore") for line in lines)
    assert lines[-1] == "Not sent: This account is deactivated or deleted; it says nothing more."
    assert "messaging is not updated yet, deleted: /restore takes that back. Commands" in back[1]
    assert back[2].startswith("Say just /restore")
    assert "ana on Direct is back." in back
    assert back[-1] == "Not done: There is no deletion to take back."
    assert (found.name, state) == ("Ana", AccountState.DEACTIVATED)


async def test_what_linked_accounts_share_is_shown_and_changed(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Annie"):
        alone = await chatted(hub, DIRECT, "Ana", "/sync", "/sync all", "/sync name on")
        await chatted(hub, DIRECT, "Ana", "/link annie on messenger", PASSWORD, "/sync signin on")
        lines = await chatted(hub, MESSENGER, "Annie", "/accounts", "/as 1", "/sync name on")
        shown = await chatted(hub, DIRECT, "Ana", "/sync", "/sync signin off")
        names = {account.name for account in ana.accounts.values()}

    assert alone == [
        "ana on Direct is not linked, so it shares nothing. /link links an account.",
        "Say what to change: /sync signin on, /sync name off or /sync picture on",
        "Not done: Link an account of the other network first.",
    ]
    assert [line[:2] for line in lines if line[0].isdecimal()] == ["1.", "2."]  # one sign-in, both accounts
    assert "Changed. name on: your linked accounts bear one name." in lines
    assert shown[1:4] == [
        "signin on: who signs in to one of your linked accounts uses the others too.",
        "name on: your linked accounts bear one name.",
        "picture off; on, your linked accounts bear one picture.",
    ]
    assert names == {"Annie"}
