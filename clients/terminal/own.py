"""Commands of the line-mode client about the own account itself: how it appears, its password."""

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
