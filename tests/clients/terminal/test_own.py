"""The own account at the keyboard: how it appears, its password, and refusing strangers only."""

from bridge.app import Hub
from bridge.wire.values import Hybrid
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
