"""Commands of the line-mode client about the own account itself: how it appears, its password, its end."""

import asyncio
import re
from pathlib import Path
from typing import Final

from bridge.errors import ProofFailed
from bridge.wire.values import OwnAccountView
from clients.terminal import words
from clients.terminal.chat import Chat, Wrong
from clients.terminal.cleaning import clean_line

SWITCHES = {
    "private": ("private", "who wants to follow you has to ask", "anybody may follow you"),
    "typing": ("shows_typing", "others see when you type", "nobody sees when you type"),
    "presence": ("shows_presence", "others see when you are online", "nobody sees when you are online"),
    "receipts": ("shows_receipts", "others see how far you have read", "nobody sees how far you have read"),
}
SHARED = {
    "signin": ("single_sign_on", "who signs in to one of your linked accounts uses the others too"),
    "name": ("sync_name", "your linked accounts bear one name"),
    "picture": ("sync_picture", "your linked accounts bear one picture"),
}
ON = {"on": True, "yes": True, "off": False, "no": False}


async def profile(chat: Chat, text: str) -> None:
    """Show how an own account appears, or change it."""
    own = chat.speaking
    what, _, value = text.partition(" ")
    if what == "name" and value.strip():
        await chat.client.set_profile(own.id, name=value.strip())
        chat.say(f"{words.own_name(own)} is called {clean_line(value)} now.")
    elif what in SWITCHES and value.strip().lower() in ON:
        on = {SWITCHES[what][0]: ON[value.strip().lower()]}
        changed = await chat.client.set_profile(own.id, **on)  # type: ignore[arg-type]  # a switch's name
        chat.say(f"Changed. {_switch(what, changed.account)}")
    elif text:
        raise Wrong("Say what to change: /profile name Ana Lima, or /profile typing off")
    else:
        chat.say(f"{words.own_name(own)}: {words.name_of(own)}. /profile typing off changes one of these:")
        for what in SWITCHES:
            chat.say(_switch(what, own))


def _switch(what: str, own: OwnAccountView) -> str:
    field, if_on, if_off = SWITCHES[what]
    return f"{what} on: {if_on}." if getattr(own, field) else f"{what} off: {if_off}."


async def password(chat: Chat, text: str) -> None:
    """Change an own account's password."""
    if text:
        raise Wrong("Say just /password; it is asked for, so that nobody sees it.")
    own = words.own_name(chat.speaking)
    old = await chat.ask_hidden(f"Present password of {own} (not shown):")
    new = await chat.ask_hidden("New password (not shown):")
    if new != await chat.ask_hidden("The same again (not shown):"):
        raise Wrong("These were two different passwords; nothing was changed.")
    await chat.client.change_password(chat.speaking.id, old, new)
    chat.say(f"The password of {own} is changed; its other devices are signed out.")


async def sync(chat: Chat, text: str) -> None:
    """Show what linked accounts share, or change it."""
    own = chat.speaking
    what, _, value = text.partition(" ")
    if what in SHARED and value.strip().lower() in ON:
        on = ON[value.strip().lower()]
        await chat.client.set_link_options(own.id, **{SHARED[what][0]: on})
        chat.say(f"Changed. {_shared(what, on=on)}")
    elif text:
        raise Wrong("Say what to change: /sync signin on, /sync name off or /sync picture on")
    elif not own.linked_to:
        raise Wrong(f"{words.own_name(own)} is not linked, so it shares nothing. /link links an account.")
    else:
        chat.say(f"{words.own_name(own)} and what it is linked to; /sync name on changes one of these:")
        for name in SHARED:
            on = own.single_sign_on if name == "signin" else name in own.synced
            chat.say(_shared(name, on=on))


def _shared(what: str, *, on: bool) -> str:
    meaning = SHARED[what][1]
    return f"{what} on: {meaning}." if on else f"{what} off; on, {meaning}."


# --- contacts

MOST_NUMBERS: Final = 5_000
LONGEST_LIST: Final = 1_000_000
"""Bytes of a file of phone numbers that are read."""

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{5,14}")
_BETWEEN: Final = re.compile(r"[\s()./-]+")


async def contacts(chat: Chat, text: str) -> None:
    """Upload the phone numbers of a file, in place of those uploaded before."""
    own = words.own_name(chat.speaking)
    if not text:
        raise Wrong(
            "Name a file with a phone number a line: /contacts numbers.txt; /contacts none forgets all."
        )
    numbers = [] if text == "none" else await asyncio.to_thread(_numbers_in, text)
    await chat.client.upload_contacts(chat.speaking.id, numbers)
    if numbers:
        several = "1 number" if len(numbers) == 1 else f"{len(numbers):,} numbers"
        chat.say(
            f"Uploaded for {own}: {several}, in place of those before. The hub keeps only a hash of each."
        )
    else:
        chat.say(f"The hub knows no contacts of {own} any more.")


def _numbers_in(name: str) -> list[str]:
    """Read phone numbers, one a line, each once.

    Raises:
        Wrong: If the file cannot be read or a line is no number; the text repeats none.
    """
    try:
        file = Path(name).expanduser()
        if not file.is_file():
            raise Wrong(f"There is no file {clean_line(name)}, so nothing was uploaded.")
        with file.open(encoding="utf-8-sig") as opened:
            lines = opened.read(LONGEST_LIST).splitlines()
    except (OSError, ValueError, RuntimeError) as wrong:
        raise Wrong(f"{clean_line(name)} cannot be read: {clean_line(str(wrong))}") from None
    numbers: dict[str, None] = {}
    for at, line in enumerate(lines, 1):
        number = _BETWEEN.sub("", line)
        if number.startswith("00"):
            number = "+" + number[2:]
        if number and not _NUMBER.fullmatch(number):
            raise Wrong(
                f"Line {at} is no phone number with its country, as +49 170 1234567; nothing was uploaded."
            )
        if number:
            numbers[number] = None
    if not numbers:
        raise Wrong("There is no number in it, so nothing was changed. /contacts none forgets all.")
    if len(numbers) > MOST_NUMBERS:
        raise Wrong(
            f"These are {len(numbers):,} numbers; the hub takes {MOST_NUMBERS:,}. Nothing was uploaded."
        )
    return list(numbers)


# --- the end of an account


async def delete(chat: Chat, text: str) -> None:
    """Delete an own account, after a warning."""
    if text:
        raise Wrong("/delete is about your whole account and takes nothing more. Nothing was deleted.")
    own = words.own_name(chat.speaking)
    chat.say(
        f"This would happen: nobody reaches {own} any more, and it cannot write. After the hub's grace time "
        "it is erased with all it said; until then /restore takes that back."
    )
    chat.say("Whoever runs the hub can export what you have; that comes first.")
    if not await chat.confirmed(f"Delete {own}?"):
        chat.say("Nothing was changed.")
        return
    password = await chat.ask_hidden(f"Password of {own} (not shown):")
    if not password:
        raise Wrong("No password is given, so nothing was deleted.")
    try:
        await chat.client.delete_account(chat.speaking.id, password)
    except ProofFailed:
        raise Wrong(f"That is not the password of {own}; nothing was deleted.") from None
    chat.say(f"{own} is deleted. Until it is erased, /restore takes that back, after a new sign-in too.")


async def restore(chat: Chat, text: str) -> None:
    """Take the deletion of an own account back."""
    if text:
        raise Wrong("Say just /restore; it is about the account that /accounts says commands are about.")
    await chat.client.restore_account(chat.speaking.id)
    chat.say(f"{words.own_name(chat.speaking)} is back.")
