"""Every operation as a method; this file holds those around threads and messages."""

from collections.abc import Iterable

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire import commands, queries, replies
from bridge.wire.values import Folder, Network
from clients.calls_of_people import CallsOfPeople


class Calls(CallsOfPeople):
    """All calls, over one ``call``."""

    # --- threads

    async def open_thread(
        self,
        account: AccountId | None = None,
        *,
        as_: AccountId | None = None,
        network: Network | None = None,
        handle: str | None = None,
        confirm: bool = False,
    ) -> replies.Opened:
        """Get the thread with an account, or make it.

        Without ``as_`` the hub proposes an own account to speak as (``propose``);
        call again with it and ``confirm``, once the person has chosen.
        """
        return await self.call(
            commands.OpenThread(as_=as_, account=account, network=network, handle=handle, confirm=confirm)
        )

    async def list_threads(
        self,
        folder: Folder = Folder.INBOX,
        *,
        as_: AccountId | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> replies.Threads:
        """List a folder of the merged inbox, or of one leg, newest first; ``next`` continues the page."""
        return await self.call(queries.ListThreads(folder=folder, as_=as_, before=before, limit=limit))

    async def get_thread(self, thread: ThreadId) -> replies.OneThread:
        """Read one thread's state."""
        return await self.call(queries.GetThread(thread=thread))

    async def accept(self, *threads: ThreadId) -> replies.Done:
        """Accept requests: the threads move to the inbox and the senders may see receipts."""
        return await self.call(commands.Accept(threads=threads))

    async def decline(self, *threads: ThreadId, hide: bool = False) -> replies.Done:
        """Decline requests; with ``hide``, what these senders ask in future goes to the hidden folder."""
        return await self.call(commands.Decline(threads=threads, hide=hide))

    async def archive(self, *threads: ThreadId, on: bool = True) -> replies.Done:
        """Put threads away, or back into the inbox."""
        return await self.call(commands.Archive(threads=threads, on=on))

    async def count_unread(self) -> replies.Unread:
        """Count unread threads and messages of the merged inbox, and requests apart."""
        return await self.call(queries.CountUnread())

    # --- messages

    async def preview_send(
        self, thread: ThreadId, text: str, *, reply_to: Seq | None = None
    ) -> replies.SendPreview:
        """Show how a message would look on the other side, before it is sent."""
        return await self.call(queries.PreviewSend(thread=thread, text=text, reply_to=reply_to))

    async def mark_delivered(self, thread: ThreadId, upto: Seq) -> replies.Done:
        """Say that messages up to a ``seq`` reached this device."""
        return await self.call(commands.MarkDelivered(thread=thread, upto=upto))

    async def mark_read(self, thread: ThreadId, upto: Seq) -> replies.Done:
        """Move the reader's receipt forward."""
        return await self.call(commands.MarkRead(thread=thread, upto=upto))

    async def typing(self, thread: ThreadId) -> replies.Done:
        """Tell the other side that the member is typing."""
        return await self.call(commands.Typing(thread=thread))

    async def history_page(
        self, thread: ThreadId, *, before: Seq | None = None, after: int | None = None, limit: int = 50
    ) -> replies.Messages:
        """Read a page of messages, newest first; ``after`` turns the direction."""
        return await self.call(queries.History(thread=thread, before=before, after=after, limit=limit))

    async def search(
        self, text: str, *, thread: ThreadId | None = None, before: str | None = None, limit: int = 50
    ) -> replies.SearchHits:
        """Find words or beginnings of words in one's own threads, newest first."""
        return await self.call(queries.Search(text=text, thread=thread, before=before, limit=limit))

    async def who_is_here(self, accounts: Iterable[AccountId]) -> replies.Present:
        """Ask which of these accounts are online, of those that let the asker know."""
        return await self.call(queries.WhoIsHere(accounts=tuple(accounts)))
