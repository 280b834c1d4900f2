"""Commands of the line-mode client about threads, requests and messages."""

from collections.abc import Iterator

from bridge.ids import AccountId
from bridge.wire.commands import OpenThread
from bridge.wire.values import Consent, Folder
from clients.inbox import Row
from clients.terminal import words
from clients.terminal.chat import Chat, Wrong, number_in
from clients.terminal.cleaning import clean_line

AT_ONCE = 100
"""So many requests are answered by one call."""

LISTED = 20
"""So many threads are listed at a time."""


async def threads(chat: Chat, text: str) -> None:
    """List a folder."""
    folder = {"": Folder.INBOX, "archived": Folder.ARCHIVED, "hidden": Folder.HIDDEN}.get(text.lower())
    if folder is None:
        raise Wrong("Say /threads, /threads archived or /threads hidden.")
    _list(
        chat,
        folder,
        {"": "Your inbox", "archived": "Your archive", "hidden": "Hidden requests"}[text.lower()],
    )
    if folder is Folder.INBOX and chat.inbox.requests:
        chat.say(f"Requests waiting: {chat.inbox.requests}. /requests lists them.")


async def requests(chat: Chat, text: str) -> None:
    """List the requests."""
    _list(chat, Folder.REQUESTS, "Your requests")


def _list(chat: Chat, folder: Folder, title: str) -> None:
    rows = [row for row in chat.inbox.threads(folder) if row.tip or row.segments]
    chat.listed, chat.unlisted = [], [row.id for row in rows]
    chat.say(
        f"{title}: {'nothing here' if not rows else f'{len(rows)} thread' + ('s' if len(rows) > 1 else '')}."
    )
    _list_more(chat)


def _list_more(chat: Chat) -> None:
    """List the next threads; the newest come first."""
    some, chat.unlisted = chat.unlisted[:LISTED], chat.unlisted[LISTED:]
    for row in (row for thread in some if (row := chat.row(thread)) is not None):
        chat.listed.append(row.id)
        chat.say(f"{len(chat.listed)}. {chat.summary(row)}")
    if chat.unlisted:
        chat.say(f"There are {len(chat.unlisted)} more; /more lists them.")


async def more(chat: Chat, text: str) -> None:
    """List more of the last list."""
    if not chat.unlisted:
        raise Wrong("There is no more in the last list; /threads or /requests shows one.")
    _list_more(chat)


async def open_thread(chat: Chat, text: str) -> None:
    """Open a thread by its number, or by the other's name."""
    if not text or text.isdecimal():
        await _show(chat, chat.thread_named(text))
        return
    network, handle = chat.account_named(text)
    opened = await chat.client.call(OpenThread(network=network, handle=handle))
    if opened.thread is None:
        speaker = opened.propose or chat.speaking.id
        way = ", across networks" if opened.crosses else ""
        chat.say(f"You would write to {words.full_name(opened.other)} as {_own(chat, speaker)}{way}.")
        if len(chat.client.accounts) > 1:
            chat.say("To write as another of your accounts, say no, choose it with /as, and open again.")
        if chat.lines.is_terminal and not await chat.confirmed("They will see that account."):
            chat.say("Nothing was opened.")
            return
        opened = await chat.client.open_thread(opened.other.id, as_=speaker, confirm=True)
    if opened.thread is None:
        raise Wrong("The hub opened nothing; try again.")
    chat.inbox.load_thread(opened.thread)
    row = chat.row(opened.thread.id)
    assert row is not None
    await _show(chat, row)


def _own(chat: Chat, account: AccountId) -> str:
    own = chat.client.accounts.get(account)
    return words.own_name(own) if own is not None else "?"


async def _show(chat: Chat, row: Row) -> None:
    chat.turn_to(row)
    chat.say(f"Open: {chat.title(row)}. What you type goes out as {chat.via(row)}.")
    if row.closed:
        chat.say(f"You cannot write here: {words.closed(row.closed)}.")
    elif not row.tip and (hint := _cannot_begin(chat, row)):
        chat.say(hint)
    if row.is_request:
        chat.say("This is a request. Reading it leaves no trace. /accept or /decline answers it.")
    if row.tip or row.segments:
        await chat.show_before(row)
        if not chat.back.over:
            chat.say("There is more; /history shows what came before.")
    chat.mark_read(row)


def _cannot_begin(chat: Chat, row: Row) -> str:
    """Say what keeps the person from beginning a chat across networks; nothing if that is not known here."""
    own = chat.client.accounts.get(row.leg)
    if own is None or all(other.network is own.network for other in row.others):
        return ""
    return words.CANNOT_BEGIN.get(own.hybrid, "").format(words.own_name(own))


async def close(chat: Chat, text: str) -> None:
    """Open no thread."""
    chat.turn_to(None)
    chat.say("No thread is open now.")


async def history(chat: Chat, text: str) -> None:
    """Show what came before."""
    await chat.show_before(chat.thread_named(""))
    if chat.back.over:
        chat.say("That is the beginning.")


async def send(chat: Chat, text: str) -> None:
    """Send to the open thread."""
    if not text:
        raise Wrong("Say what to send: /send hello")
    if chat.open is None:
        raise Wrong("No thread is open, so nothing was sent. /threads lists them, /open opens one.")
    chat.post(chat.thread_named(""), text)


async def reply(chat: Chat, text: str) -> None:
    """Answer one message."""
    first, _, answer = text.partition(" ")
    number = number_in(first)
    if number is None or not answer.strip():
        raise Wrong("Say which message, then the answer: /reply 3 yes")
    chat.post(chat.thread_named(""), answer.strip(), number)


async def preview(chat: Chat, text: str) -> None:
    """Show how a text would look on the other side."""
    shown = await chat.client.preview_send(chat.thread_named("").id, text)
    for number, part in enumerate(shown.parts or (shown.text or "",), 1):
        chat.say(f"Part {number}: {part}" if shown.parts else f"They would see: {part}")
    changed = (*shown.translation.converted, *shown.translation.dropped)
    if changed:
        chat.say(f"Changed on the way: {', '.join(map(clean_line, changed))}.")


async def search(chat: Chat, text: str) -> None:
    """Find words in one's own threads."""
    if not text:
        raise Wrong("Say what to look for: /search tickets")
    found = await chat.client.search(text)
    chat.say(f"Found: {len(found.messages)}{' or more' if found.next else ''}.")
    for message in found.messages:
        row = chat.row(message.thread)
        where = f" In {chat.title(row)}:" if row is not None else ""
        chat.say(f"{where} {chat.line(message)}".strip())


async def accept(chat: Chat, text: str) -> None:
    """Accept requests."""
    rows = _requests_named(chat, text)
    for row in rows:
        if row.consent not in (Consent.PENDING, Consent.DECLINED):
            raise Wrong(f"{chat.title(row)} is no request, so there is nothing to accept.")
    for some in _batched(rows):
        await chat.client.accept(*(row.id for row in some))
    chat.say(f"Accepted: {_called(chat, rows)}. They may see now what you have read.")


async def decline(chat: Chat, text: str) -> None:
    """Decline requests; they are not told."""
    words_said = text.lower().split()
    hide = "hide" in words_said
    rows = _requests_named(chat, " ".join(word for word in words_said if word != "hide"))
    for row in rows:
        if not row.is_request:
            raise Wrong(
                f"{chat.title(row)} is no request; nothing was declined. /archive puts a thread away."
            )
    for some in _batched(rows):
        await chat.client.decline(*(row.id for row in some), hide=hide)
    after = " What they send in future goes to your hidden requests." if hide else ""
    chat.say(f"Declined: {_called(chat, rows)}. They are not told.{after}")
    if chat.open in {row.id for row in rows}:
        chat.turn_to(None)


def _requests_named(chat: Chat, text: str) -> list[Row]:
    """Read numbers of the last list, or ``all`` for the requests in it; nothing names the open thread.

    Raises:
        Wrong: If there is no such thread.
    """
    if text.lower() != "all":
        rows = [chat.thread_named(word) for word in text.split() or [""]]
        return list({row.id: row for row in rows}.values())
    listed = [row for thread in chat.listed if (row := chat.row(thread)) is not None and row.is_request]
    if not listed:
        raise Wrong("There is no request in the last list; /requests shows them.")
    return listed


def _batched(rows: list[Row]) -> Iterator[list[Row]]:
    """Cut into as many as one call takes."""
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def _called(chat: Chat, rows: list[Row]) -> str:
    return chat.title(rows[0]) if len(rows) == 1 else f"{len(rows)} requests"


async def archive(chat: Chat, text: str) -> None:
    """Put a thread away."""
    row = chat.thread_named(text)
    await chat.client.archive(row.id)
    chat.say(f"Archived: {chat.title(row)}. A new message brings it back.")


async def unarchive(chat: Chat, text: str) -> None:
    """Take a thread back."""
    row = chat.thread_named(text)
    await chat.client.archive(row.id, on=False)
    chat.say(f"Back in your inbox: {chat.title(row)}.")


async def who(chat: Chat, text: str) -> None:
    """Say who is in a thread and who is there."""
    row = chat.thread_named(text)
    online = (await chat.client.who_is_here(other.id for other in row.others)).online if row.others else ()
    chat.say(f"You: {chat.via(row)}.")
    for other in row.others:
        chat.say(
            f"{words.full_name(other)}: {'online' if other.id in online else 'not online, or not shown'}."
        )
