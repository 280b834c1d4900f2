"""Links in the line-mode client, against the real hub, in people's words."""

from bridge.app import Hub
from tests.clients.terminal.people import (
    DIRECT,
    MESSENGER,
    PASSWORD,
    at_keyboard,
    chatted,
    own,
    person,
    thread_of,
)


async def test_a_link_is_made_upgraded_left_undone_and_made_again(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, MESSENGER, "Annie"):
        first = await chatted(
            hub, DIRECT, "Ana", "/link", "/link annie on messenger", "wrong password",
            "/link annie on messenger", PASSWORD, "/accounts", "/upgrade", "/controls", "/set 6 none", "no",
            "/set 6 none", "yes", "/upgrade", "/leave", "no", "/leave", "yes", "/unlink preview", "/unlink",
            "no", "/unlink", "yes",
        )  # fmt: skip
        again = await chatted(
            hub,
            DIRECT,
            "Ana",
            "/accounts",
            "/undo annie",
            "wrong password",
            "/undo annie",
            PASSWORD,
            "/accounts",
        )

    said = "\n".join(first)
    for expected in (
        "Name the other account like this: ben on messenger",
        "Not done: That did not prove that the other account is yours.",
        "Linked: ana on Direct and annie on Messenger.",
        "1. ana on Direct: Ana, linked, messaging is not updated yet.",
        "Messaging of ana on Direct is updated: chats across networks are on.",
        "1. friends on Messenger, or people I have chatted with there: inbox",
        "This would happen: Your inboxes separate again: chats across networks close.",
        "Nothing was changed.",
        "Set: anyone else on Messenger: don't receive.",
        "Chats across networks are off; the accounts stay linked. /upgrade takes that back.",
        "Nothing was changed. /unlink does it.",
        "Unlinked: ana on Direct. /undo takes that back within 14 days.",
    ):
        assert expected in said
    assert PASSWORD not in said
    assert (
        "1. ana on Direct: Ana, not linked, chats across networks are off. Commands are about this one."
        in again
    )
    assert "Linked again: ana on Direct and annie on Messenger." in again


async def test_a_link_that_was_asked_for_is_approved_on_the_other_device(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Annie") as annie:
        async with at_keyboard(hub.url, annie.token) as (keyboard, paper):
            await chatted(hub, DIRECT, "Ana", "/asklink annie on messenger")
            asked = await paper.has("Ana (ana on Direct) asks")
            keyboard.type("/refuse")
            await paper.has("Refused: Ana (ana on Direct) was not linked.")
            await chatted(hub, DIRECT, "Ana", "/asklink annie on messenger")
            await paper.has("Ana (ana on Direct) asks")
            keyboard.type("/approve")
            linked = await paper.has("Linked:")

        found = (await ana.find_account(account=own(annie))).account

    assert asked.endswith("asks to be linked with you. /approve or /refuse answers.")
    assert "annie on Messenger" in linked
    assert found.handle == "annie"


async def test_a_link_that_was_asked_for_before_one_signed_in_is_told_and_answered(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, MESSENGER, "Annie") as annie:
        asked = await chatted(hub, DIRECT, "Ana", "/asklink annie on messenger")
        refused = await chatted(hub, MESSENGER, "Annie", "/refuse ana on direct", "/refuse ana", "/approve")
        await chatted(hub, DIRECT, "Ana", "/asklink annie on messenger")
        async with at_keyboard(hub.url, annie.token) as (keyboard, paper):
            await paper.has("Ana (ana on Direct) asks to be linked with you.")
            keyboard.type("/approve")
            linked = await paper.has("Linked:")

    assert asked[0].endswith("where annie is signed in: /approve ana on Direct")
    assert "Refused: Ana (ana on Direct) was not linked." in refused
    assert "Not done: Nobody waits for this answer any more." in refused
    assert "No link waits for your answer." in refused[-1]
    assert "annie on Messenger" in linked


async def test_whoever_asks_to_be_friends_is_admitted_or_dismissed_and_ties_are_listed(hub: Hub) -> None:
    async with (
        person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben"), person(hub, MESSENGER, "Cyd"),
        at_keyboard(hub.url, ana.token) as (keyboard, paper),
    ):  # fmt: skip
        for name in ("Ben", "Cyd"):
            await chatted(hub, MESSENGER, name, "/tie befriend ana on messenger")
            await paper.has(f"{name} ({name.lower()} on Messenger) asks to be friends with you. /tie admit")
        for line in (
            "/ties",
            "/tie admit ben",
            "/tie dismiss cyd",
            "/tie block cyd",
            "/tie admit cyd",
            "/ties",
        ):
            keyboard.type(line)
        asking = await paper.has("Cyd (cyd on Messenger) asks")
        await paper.has("Answered: Ben (ben on Messenger).")
        await paper.has("Not done: There is no such request to answer.")
        await paper.has("To others, as ana on Messenger:")
        listed = [await paper.has(""), await paper.has("")]

    assert asking == "Cyd (cyd on Messenger) asks to be friends with you."
    assert listed == ["You and Ben (ben on Messenger) are friends.", "You block Cyd (cyd on Messenger)."]


async def test_what_happens_to_links_and_ties_elsewhere_is_said_here(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Annie"):
        async with person(hub, DIRECT, "Cyd") as cyd, at_keyboard(hub.url, ana.token) as (_, paper):
            await cyd.set_tie(own(cyd), own(ana), "follow")  # type: ignore[arg-type]  # as it is typed
            await paper.has("Cyd (cyd on Direct) follows you.")
            await chatted(hub, DIRECT, "Ana", "/link annie on messenger", "not the password")
            await chatted(hub, DIRECT, "Ana", "/link annie on messenger", PASSWORD, "/upgrade")
            await paper.has("Your account is linked to Annie (annie on Messenger) now.")
            await paper.has("Chats across networks are on now.")

        assert len(cyd.accounts) == 1


async def test_a_linked_person_reads_both_inboxes_and_answers_as_the_right_account(hub: Hub) -> None:
    async with (
        person(hub, DIRECT, "Ana") as ana,
        person(hub, MESSENGER, "Annie") as annie,
        person(hub, MESSENGER, "Ben") as ben,
        at_keyboard(hub.url, ana.token) as (keyboard, paper),
    ):
        thread = await thread_of(ben, annie)
        await ben.send(thread, "to the other side of you")
        await ana.link(own(ana), MESSENGER, "annie", PASSWORD)
        await ana.upgrade(own(ana))
        await paper.has("You can use annie on Messenger here too now.")
        keyboard.type("/requests")
        listed = await paper.has("1.")
        keyboard.type("/open 1")
        opened = await paper.has("Open:")
        keyboard.type("/accept")
        await paper.has("Accepted")
        keyboard.type("found me")
        sent = await paper.has("Sent")
        keyboard.type("/as 2")
        await paper.has("Commands are about annie on Messenger now")
        keyboard.type("/controls")
        first = await paper.has("1.")
        await ana.leave_hybrid(own(ana))
        await paper.has("One of your accounts can no longer be used here.")

    assert listed.startswith("1. Ben (ben on Messenger), as annie on Messenger, 1 unread")
    assert opened == "Open: Ben (ben on Messenger). What you type goes out as annie on Messenger."
    assert sent == "Sent as annie on Messenger, number 2."
    assert first == "1. accounts I follow, or have chatted with, on Direct: inbox"


async def test_who_cannot_begin_a_chat_across_networks_is_told_what_would_help(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        never = await chatted(hub, DIRECT, "Ana", "/open ben on messenger", "hi")
        await ben.send(await thread_of(ben, ana), "hello")
        answering = await chatted(hub, DIRECT, "Ana", "/open ben on messenger", "hi")

    assert never[1].startswith("ana on Direct can answer who writes across networks, and begin nothing there")
    assert never[1].endswith("/link an account of the other network, then /upgrade.")
    assert not any("begin nothing" in line for line in answering)
    assert answering[-1].startswith("Sent as ana on Direct")
