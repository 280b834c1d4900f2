"""Commands of the line-mode client about accounts, links, controls and devices."""

from bridge.errors import StaleVersion
from bridge.ids import AccountId
from bridge.wire.replies import ControlsPreview, Linked
from bridge.wire.values import AccountView, Network, TieKind
from clients.terminal import words
from clients.terminal.chat import Chat, Wrong, number_in
from clients.terminal.cleaning import clean_line

TIES = {
    "follow": (TieKind.FOLLOW, True, "You follow"),
    "unfollow": (TieKind.FOLLOW, False, "You no longer follow"),
    "befriend": (TieKind.FRIEND, True, "You asked to be friends with, or are friends with,"),
    "unfriend": (TieKind.FRIEND, False, "You are no longer friends with"),
    "block": (TieKind.BLOCK, True, "You block"),
    "unblock": (TieKind.BLOCK, False, "You no longer block"),
    "restrict": (TieKind.RESTRICT, True, "You restrict, without their knowing,"),
    "unrestrict": (TieKind.RESTRICT, False, "You no longer restrict"),
}


ANSWERS = {"admit": True, "dismiss": False}
ASKED = {Network.DIRECT: TieKind.FOLLOW, Network.MESSENGER: TieKind.FRIEND}
"""What people ask for, by network."""


async def accounts(chat: Chat, text: str) -> None:
    """List the own accounts."""
    for number, account in enumerate(chat.client.accounts.values(), 1):
        here = " Commands are about this one." if account.id == chat.speaking.id else ""
        chat.say(f"{number}. {words.account(account)}.{here}")


async def speak_as(chat: Chat, text: str) -> None:
    """Choose the account that commands are about."""
    own = list(chat.client.accounts.values())
    number = number_in(text)
    if number is None or not 0 < number <= len(own):
        raise Wrong("Say its number in /accounts: /as 2")
    chat.turn_to(None)
    chat.speak_as(own[number - 1].id)
    chat.say(f"Commands are about {words.own_name(chat.speaking)} now; no thread is open.")


async def tie(chat: Chat, text: str) -> None:
    """Follow, befriend, block or restrict an account, or stop to."""
    deed, _, name = text.partition(" ")
    if deed not in TIES and deed not in ANSWERS:
        deeds = ", ".join((*TIES, *ANSWERS))
        raise Wrong(f"Say one of {deeds}, then the account: /tie follow ana on direct")
    network, handle = chat.account_named(name)
    found = await chat.client.find_account(network, handle)
    if deed in ANSWERS:
        asked = ASKED[network]
        await chat.client.answer_tie(chat.speaking.id, found.account.id, asked, accept=ANSWERS[deed])
        chat.say(f"Answered: {words.full_name(found.account)}.")
        return
    kind, on, said = TIES[deed]
    tied = await chat.client.set_tie(chat.speaking.id, found.account.id, kind, on=on)
    waits = " They have to agree first." if tied.state == "asked" else ""
    chat.say(f"{said} {words.full_name(found.account)}.{waits}")


async def ties(chat: Chat, text: str) -> None:
    """Say how one stands to others: follows, friends, blocks, restrictions."""
    said: dict[str, None] = {}
    more = False
    for kind in TieKind:
        found = await chat.client.list_ties(chat.speaking.id, kind)
        said |= dict.fromkeys(words.tie(view) for view in found.ties)
        more = more or found.next is not None
    own = words.own_name(chat.speaking)
    chat.say(f"To others, as {own}:" if said else f"You stand to nobody in any way, as {own}.")
    for sentence in said:
        chat.say(sentence)
    if more:
        chat.say("There are more; of each kind the first 50 are shown.")


# --- links


async def link(chat: Chat, text: str) -> None:
    """Link an account of the other network, proven by its password."""
    network, handle = _other_account(chat, text)
    password = await chat.ask_hidden(f"Password of {handle} on {words.network(network)} (not shown):")
    linked = await chat.client.link(chat.speaking.id, network, handle, password)
    _say_linked(chat, linked, "Linked")
    chat.say("Linked is not updated yet: /upgrade opens chats across networks.")


async def ask_link(chat: Chat, text: str) -> None:
    """Ask a signed-in device of the other account to approve a link."""
    network, handle = _other_account(chat, text)
    await chat.client.ask_link(chat.speaking.id, network, handle)
    own = words.own_name(chat.speaking)
    chat.say(f"Asked. Approve it within 10 minutes where {handle} is signed in: /approve {own}")


async def answer(chat: Chat, text: str, accept: bool) -> None:
    """Answer a link that another account asked for."""
    leg, asker = await _asker(chat, text)
    linked = await chat.client.answer_link(leg, asker.id, accept=accept)
    chat.asked = [link for link in chat.asked if (link.leg, link.account.id) != (leg, asker.id)]
    if accept:
        _say_linked(chat, linked, "Linked")
    else:
        chat.say(f"Refused: {words.full_name(asker)} was not linked.")


async def _asker(chat: Chat, text: str) -> tuple[AccountId, AccountView]:
    """Find who asked, and which own account, by number or by name."""
    asked = chat.asked
    if text and number_in(text) is None:
        network, handle = _other_account(chat, text)
        return chat.speaking.id, (await chat.client.find_account(network, handle)).account
    if not asked:
        raise Wrong("No link waits for your answer.")
    number = number_in(text or ("1" if len(asked) == 1 else "0"))
    if number is None or not 0 < number <= len(asked):
        for count, link in enumerate(asked, 1):
            chat.say(f"{count}. {words.full_name(link.account)} asks to be linked with you.")
        raise Wrong("Say which one, by its number: /approve 1 or /refuse 1")
    return asked[number - 1].leg, asked[number - 1].account


async def approve(chat: Chat, text: str) -> None:
    """Approve a link."""
    await answer(chat, text, accept=True)


async def refuse(chat: Chat, text: str) -> None:
    """Refuse a link."""
    await answer(chat, text, accept=False)


async def upgrade(chat: Chat, text: str) -> None:
    """Update messaging: chats across networks."""
    done = await chat.client.upgrade(chat.speaking.id)
    chat.say(f"Messaging of {words.own_name(chat.speaking)} is updated: chats across networks are on.")
    for line in words.effects(done):
        chat.say(line)


async def leave(chat: Chat, text: str) -> None:
    """Leave chats across networks; the accounts stay linked."""
    own = chat.speaking
    for line in words.effects(await chat.client.preview_leave_hybrid(own.id)):
        chat.say(f"This would happen: {line}")
    if await chat.confirmed(f"Leave chats across networks as {words.own_name(own)}?"):
        await chat.client.leave_hybrid(own.id)
        chat.say("Chats across networks are off; the accounts stay linked. /upgrade takes that back.")
    else:
        chat.say("Nothing was changed.")


async def unlink(chat: Chat, text: str) -> None:
    """Take an account out of the link, after a preview."""
    own = chat.speaking
    for line in words.effects(await chat.client.preview_unlink(own.id)):
        chat.say(f"This would happen: {line}")
    if text == "preview":
        chat.say("Nothing was changed. /unlink does it.")
        return
    if await chat.confirmed(f"Unlink {words.own_name(own)}?"):
        await chat.client.unlink(own.id)
        chat.say(f"Unlinked: {words.own_name(own)}. /undo takes that back within 14 days.")
    else:
        chat.say("Nothing was changed.")


async def undo(chat: Chat, text: str) -> None:
    """Take an unlink back."""
    network, handle = _other_account(chat, text)
    password = await chat.ask_hidden(f"Password of {handle} on {words.network(network)} (not shown):")
    linked = await chat.client.undo_unlink(chat.speaking.id, network, handle, password)
    _say_linked(chat, linked, "Linked again")


def _other_account(chat: Chat, text: str) -> tuple[Network, str]:
    if not text:
        raise Wrong("Name the other account like this: ben on messenger")
    network, handle = chat.account_named(text)
    if not any(word.lower() in list(Network) for word in text.split()):
        (network,) = set(Network) - {chat.speaking.network}
    return network, handle


def _say_linked(chat: Chat, linked: Linked, what: str) -> None:
    names = " and ".join(words.own_name(account) for account in linked.accounts)
    chat.say(f"{what}: {names}.")


# --- controls


async def controls(chat: Chat, text: str) -> None:
    """Show the message controls."""
    read = await chat.client.get_controls(chat.speaking.id)
    chat.say(f"Who can reach {words.own_name(chat.speaking)}, most specific first:")
    for number, view in enumerate(read.controls, 1):
        chat.say(f"{number}. {words.control(view)}")
    if read.keep_connected:
        chat.say("Refusing the other network refuses strangers only; accepted chats go on.")
    chat.say("/set 2 requests changes one; the words are inbox, requests and don't receive.")


async def set_control(chat: Chat, text: str) -> None:
    """Change one message control, after a preview."""
    first, _, said = text.partition(" ")
    number = number_in(first)
    own = chat.speaking
    read = await chat.client.get_controls(own.id)
    if number is None or not 0 < number <= len(read.controls):
        raise Wrong("Say its number in /controls, then the outcome: /set 2 don't receive")
    view = read.controls[number - 1]
    option = words.outcome_word(said, view)
    if option is None:
        takes = " or ".join(words.outcome(option) for option in view.options)
        raise Wrong(f"That control takes: {takes}.")
    change = {view.category: option}
    answer = await _answer(chat, await chat.client.preview_controls(own.id, change))
    if answer not in ("yes", "keep"):
        chat.say("Nothing was changed.")
        return
    keep = True if answer == "keep" else None  # absent, it stays as it is
    try:
        await chat.client.set_controls(own.id, read.version, change, keep_connected=keep)
    except StaleVersion:
        raise Wrong("The controls were changed elsewhere meanwhile. /controls shows them anew.") from None
    chat.say(f"Set: {words.CATEGORIES.get(view.category, view.category)}: {words.outcome(option)}.")


async def _answer(chat: Chat, preview: ControlsPreview) -> str:
    """Show what a change would do, and ask where it does more than it says: yes, keep, or anything else."""
    effects = list(words.effects(preview.effects))
    for line in effects:
        chat.say(f"This would happen: {line}")
    for moved in preview.moved:
        some = "1 message" if moved.messages == 1 else f"{moved.messages} messages"
        chat.say(
            f"Of the last 30 days, {some} would have gone to "
            f"{words.outcome(moved.would_be)} in place of {words.outcome(moved.was)}."
        )
    if preview.effects.leaves_hybrid:
        return (await chat.ask("Type yes to go on, or keep to refuse strangers only and stay:")).lower()
    return "yes" if not effects or await chat.confirmed("Change it?") else "no"


async def explain(chat: Chat, text: str) -> None:
    """Say where a sender's messages land and why."""
    if not text or text.isdecimal():
        row = chat.thread_named(text)
        if len(row.others) != 1:
            raise Wrong("Only chats of two can be explained.")
        sender, receiver = row.others[0], row.leg
    else:
        network, handle = chat.account_named(text)
        sender, receiver = (await chat.client.find_account(network, handle)).account, chat.speaking.id
    explained = await chat.client.explain(receiver, account=sender.id)
    chat.say(f"The next message of {words.full_name(sender)}:")
    for line in words.decision(explained.decision):
        chat.say(line)


# --- devices


async def devices(chat: Chat, text: str) -> None:
    """List the devices that are signed in."""
    found = (await chat.client.list_devices()).devices
    number = number_in(text)
    if number is not None and 0 < number <= len(found):
        device = found[number - 1]
        if device.here:
            raise Wrong("That is this device; /signout signs it out.")
        await chat.client.revoke_device(device.id)
        chat.say(f"Signed out: {clean_line(device.name)}.")
        return
    for number, device in enumerate(found, 1):
        here = ", this one" if device.here else f", last here {words.moment(device.seen_at)}"
        since = words.moment(device.created_at)
        chat.say(f"{number}. {clean_line(device.name)}{here}; signed in {since}.")
    chat.say("/devices 2 signs the second one out.")
