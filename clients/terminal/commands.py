"""The one table of the line-mode client's commands: what is typed, what it does, how the help says it."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from clients.terminal import own, people, threads
from clients.terminal.chat import Chat

Run = Callable[[Chat, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: What is typed after the slash.
        arguments: What may follow, as the help shows it.
        help: One sentence.
        group: Under which heading.
        run: What it does.
    """

    name: str
    arguments: str
    help: str
    group: str
    run: Run


async def leave(chat: Chat, text: str) -> None:
    """Leave."""
    chat.done = True


async def sign_out(chat: Chat, text: str) -> None:
    """Sign this device out and leave."""
    if await chat.confirmed("Sign this device out?"):
        chat.done = True  # the connection ends with this, and that is no failure
        await chat.client.sign_out()
        chat.say("Signed out.")


async def help_(chat: Chat, text: str) -> None:
    """Explain the commands."""
    for line in help_lines(text.removeprefix("/")):
        chat.say(line)


COMMANDS: tuple[Command, ...] = (
    Command("threads", "[archived|hidden]", "List your threads.", "Threads", threads.threads),
    Command("requests", "", "List the requests that wait for you.", "Threads", threads.requests),
    Command("more", "", "List more of the last list.", "Threads", threads.more),
    Command("open", "NUMBER | NAME on NETWORK", "Open a thread.", "Threads", threads.open_thread),
    Command("close", "", "Open no thread.", "Threads", threads.close),
    Command("accept", "[NUMBER … | all]", "Accept requests.", "Threads", threads.accept),
    Command(
        "decline",
        "[NUMBER … | all] [hide]",
        "Decline requests; they are not told.",
        "Threads",
        threads.decline,
    ),
    Command("archive", "[NUMBER]", "Put a thread away.", "Threads", threads.archive),
    Command("unarchive", "[NUMBER]", "Take a thread back.", "Threads", threads.unarchive),
    Command("who", "[NUMBER]", "Say who is in a thread, and who is online.", "Threads", threads.who),
    Command("send", "TEXT", "Send; a line without a slash is sent too.", "Messages", threads.send),
    Command("reply", "MESSAGE TEXT", "Answer one message, by its number.", "Messages", threads.reply),
    Command("preview", "TEXT", "Show how a text would look to them.", "Messages", threads.preview),
    Command("history", "", "Show what came before.", "Messages", threads.history),
    Command("search", "WORDS", "Find words in your threads.", "Messages", threads.search),
    Command("accounts", "", "List your accounts.", "Accounts", people.accounts),
    Command("as", "NUMBER", "Choose the account that commands are about.", "Accounts", people.speak_as),
    Command(
        "tie",
        "DEED NAME on NETWORK",
        "Follow, befriend, block, restrict; admit who asks.",
        "Accounts",
        people.tie,
    ),
    Command("ties", "", "Say whom you follow, block and the like, and who asks.", "Accounts", people.ties),
    Command("profile", "[WHAT VALUE]", "Show how you appear, or change it.", "Accounts", own.profile),
    Command("password", "", "Change your password.", "Accounts", own.password),
    Command("contacts", "FILE | none", "Upload the phone numbers of a file.", "Accounts", own.contacts),
    Command("delete", "", "Delete your account, after a warning.", "Accounts", own.delete),
    Command("restore", "", "Take the deletion of your account back.", "Accounts", own.restore),
    Command("link", "NAME on NETWORK", "Link your account there, by password.", "Accounts", people.link),
    Command("asklink", "NAME on NETWORK", "Ask your device there for a link.", "Accounts", people.ask_link),
    Command(
        "approve",
        "[NUMBER | NAME on NETWORK]",
        "Approve a link that was asked for.",
        "Accounts",
        people.approve,
    ),
    Command(
        "refuse", "[NUMBER | NAME on NETWORK]", "Refuse a link that was asked for.", "Accounts", people.refuse
    ),
    Command(
        "sync", "[WHAT on | off]", "Share sign-in, name or picture of linked accounts.", "Accounts", own.sync
    ),
    Command("upgrade", "", "Update messaging: chats across networks.", "Accounts", people.upgrade),
    Command("leave", "", "Leave chats across networks, after a preview.", "Accounts", people.leave),
    Command("unlink", "[preview]", "Unlink your account, after a preview.", "Accounts", people.unlink),
    Command("undo", "NAME on NETWORK", "Take an unlink back.", "Accounts", people.undo),
    Command("controls", "", "Show who can reach you.", "Controls", people.controls),
    Command("set", "NUMBER OUTCOME", "Change one of the controls.", "Controls", people.set_control),
    Command(
        "explain", "[NUMBER | NAME on NETWORK]", "Say where messages land, why.", "Controls", people.explain
    ),
    Command("devices", "[NUMBER]", "List your devices, or sign one out.", "This client", people.devices),
    Command("signout", "", "Sign this device out, and leave.", "This client", sign_out),
    Command("help", "[COMMAND]", "Explain the commands.", "This client", help_),
    Command("quit", "", "Leave.", "This client", leave),
)


def find(name: str) -> Command | None:
    """Find a command by its whole name."""
    return next((command for command in COMMANDS if command.name == name.lower()), None)


def similar(name: str) -> str | None:
    """Guess which command was meant."""
    found = get_close_matches(name.lower(), [command.name for command in COMMANDS], 1)
    return found[0] if found else None


def help_lines(name: str = "") -> Iterator[str]:
    """Write the help, of all commands or of one."""
    only = find(name) if name else None
    if name and only is None:
        yield f"There is no command /{name}."
        return
    group = ""
    for command in COMMANDS if only is None else (only,):
        if command.group != group:
            group = command.group
            yield f"{group}:"
        yield f"/{command.name} {command.arguments}".rstrip() + f": {command.help}"
    if only is None:
        yield "A line without a slash is sent to the open thread; begin it with // to send a slash."
