"""The demonstration's conversation: real clients on a real hub, each step told and checked.

Anything that goes otherwise than told ends it: what a reader sees here is what happened.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import msgspec

from bridge.cli.link import effect_lines
from bridge.cli.printing import Printer
from bridge.errors import NotAccepting, Refusal, RequestPending, SetupError
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import MessageSent
from bridge.wire.replies import Effects
from bridge.wire.values import Folder, MessageView, Network, OwnAccountView, ThreadView
from clients import Client, EventStream

E = TypeVar("E")

_PATIENCE_S = 20.0
_TITLES = {Network.DIRECT: "Direct", Network.MESSENGER: "Messenger"}


class Member:
    """Somebody who takes part, signed in with a client of their own."""

    def __init__(self, client: Client, network: Network, handle: str) -> None:
        """Take a connected client."""
        self.client = client
        self.network = network
        self.handle = handle
        self.name = self._own.name
        self._events: EventStream = client.events()

    @property
    def account(self) -> AccountId:
        """The account that this member speaks as."""
        return self._own.id

    @property
    def at(self) -> str:
        """The member as the reader should see him: name and network."""
        return f"{self.name} on {_TITLES[self.network]}"

    @property
    def _own(self) -> OwnAccountView:
        for own in self.client.accounts.values():
            if own.network is self.network and own.handle == self.handle:
                return own
        raise SetupError(f"{self.handle} is not signed in on {self.network}.")

    async def heard(self, kind: type[E], check: Callable[[E], bool]) -> E:
        """Wait for an event; those before it are passed over."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                async for push in self._events:
                    if isinstance(push.event, kind) and check(push.event):
                        return push.event
        except TimeoutError:
            pass
        raise SetupError(f"{self.at} never heard what was expected ({kind.__name__}).")

    async def message(self, thread: ThreadId, seq: Seq) -> MessageView:
        """Wait for a message."""
        told = await self.heard(
            MessageSent, lambda event: event.message.thread == thread and event.message.seq == seq
        )
        return told.message

    async def finds(self, thread: ThreadId) -> ThreadView:
        """Look where this member finds a thread."""
        return (await self.client.get_thread(thread)).thread


class Play:
    """Tells and checks, step by step."""

    def __init__(self, url: str, password: str, printer: Printer, stack: AsyncExitStack) -> None:
        """Play on the hub at ``url``, where everybody has the same password."""
        self._url = url
        self._password = password
        self._printer = printer
        self._stack = stack
        self._step = 0

    async def enter(self, network: Network, handle: str) -> Member:
        """Sign somebody in."""
        client = Client(self._url, network=network, handle=handle, password=self._password, device="demo")
        return Member(await self._stack.enter_async_context(client), network, handle)

    # --- telling

    def title(self, text: str) -> None:
        """Begin a step."""
        self._step += 1
        self._printer.line()
        self._printer.line(f"{self._step}. {text}")
        self._printer.data({"step": self._step, "title": text})

    def tell(self, what: str, text: str, **data: Any) -> None:
        """Tell one thing that happened."""
        self._printer.line(f"   {text}")
        self._printer.data({"step": self._step, "what": what, "text": text, **data})

    def says(
        self, who: Member, text: str, folder: Folder | None = None, reader: Member | None = None
    ) -> None:
        """Tell what somebody said, and where it landed for whom."""
        landed = f"   [{reader.name}: {folder}]" if folder is not None and reader is not None else ""
        self.tell("said", f'{who.at}: "{text}"{landed}', by=who.handle, folder=folder)

    def effects(self, what: str, text: str, effects: Effects) -> None:
        """Tell what a change does."""
        plain = msgspec.to_builtins(effects)
        self.tell(what, f"{text} {'; '.join(effect_lines(plain))}.", effects=plain)

    def expect(self, holds: bool, what: str) -> None:
        """Check; the demonstration ends where it fails.

        Raises:
            SetupError: If it does not hold.
        """
        if not holds:
            raise SetupError(f"The demonstration went wrong in step {self._step}: {what}.")

    # --- steps

    async def show_inbox(self, who: Member) -> None:
        """Show a merged inbox."""
        self.title(f"{who.name} signs in once and finds both accounts' chats in one inbox.")
        for folder in (Folder.INBOX, Folder.REQUESTS):
            found = await who.client.list_threads(folder, limit=5)
            for thread in found.threads:
                if thread.last is not None:
                    self._row(who, folder, thread)
        legs = {own.network for own in who.client.accounts.values()}
        self.expect(legs == set(Network), "the inbox is not merged")

    def _row(self, who: Member, folder: Folder, thread: ThreadView) -> None:
        assert thread.last is not None, "only threads with something in them are shown"
        own = who.client.accounts[thread.leg]
        others = thread.title or ", ".join(other.name for other in thread.others) or "closed chat"
        network = _TITLES[own.network]
        text = (thread.last.text or f"({thread.last.kind})").splitlines()[0][:56]
        self.tell(
            "thread",
            f"{folder:<9} {network:<10} {others:<16} {text}",
            folder=folder,
            leg=thread.leg,
            other=others,
        )

    async def meet(self, stranger: Member, host: Member, hello: str, answer: str, reply: str) -> ThreadId:
        """A stranger of the other network writes; the request is accepted; answers cross both ways."""
        self.title(f"{stranger.name} writes to {host.name}, across networks, for the first time.")
        thread = await self.open(stranger, host)
        sent = await stranger.client.send(thread, hello)
        await host.message(thread, sent.seq)
        view = await host.finds(thread)
        self.says(stranger, hello, view.folder, host)
        self.expect(view.folder is Folder.REQUESTS, f"a stranger's message landed in {view.folder}")
        await self.refused(stranger, thread, "Did you get this?", RequestPending)
        await host.client.accept(thread)
        view = await host.finds(thread)
        self.tell("accepted", f"{host.name} accepts; the chat is in her inbox now.", folder=view.folder)
        self.expect(view.folder is Folder.INBOX, "an accepted request is not in the inbox")
        answered = await host.client.send(thread, answer)
        await stranger.message(thread, answered.seq)
        self.says(host, answer)
        sent = await stranger.client.send(thread, reply, reply_to=answered.seq)
        shown = await host.message(thread, sent.seq)
        self.says(stranger, f"{reply}")
        self._translation(host, shown)
        return thread

    def _translation(self, reader: Member, shown: MessageView) -> None:
        """Tell what the crossing did to a reply where the reader's network has none."""
        text = (shown.text or "").replace("\n", " / ")
        converted = shown.translation.converted if shown.translation else ()
        self.expect("reply" in converted, "the reply was not translated")
        self.tell(
            "translated",
            f"{reader.name}'s network has no replies, so she reads: {text}",
            shown=text,
            converted=converted,
        )

    async def refuse(self, stranger: Member, host: Member, thread: ThreadId) -> None:
        """The host sets "don't receive"; the next message is refused, and only the host learns why."""
        category = f"others_on_{stranger.network}"
        self.title(f'{host.name} sets "{category}" to "don\'t receive".')
        now = await host.client.get_controls(host.account)
        preview = await host.client.preview_controls(host.account, {category: "none"})
        self.effects("previewed", "The preview says:", preview.effects)
        changed = await host.client.set_controls(host.account, now.version, {category: "none"})
        await self.refused(stranger, thread, "Shall I bring you a copy?", NotAccepting)
        why = (await host.client.explain(host.account, account=stranger.account)).decision
        self.expect(why.outcome == "none" and category in why.rule, f"the explanation says {why.rule}")
        facts = ", ".join(why.facts)
        self.tell(
            "explained", f"Only {host.name} learns why: rule {why.rule}, since: {facts}.", rule=why.rule
        )
        changed = await host.client.set_controls(host.account, changed.version, {category: "requests"})
        sent = await stranger.client.send(thread, "One more try!")
        await host.message(thread, sent.seq)
        view = await host.finds(thread)
        self.tell(
            "allowed", f"She sets it back to requests (version {changed.version}).", version=changed.version
        )
        self.says(stranger, "One more try!", view.folder, host)

    async def part(self, who: Member, friend: Member) -> None:
        """Unlink previewed, done and undone, while a chat across networks waits."""
        self.title(f"{who.name} unlinks her two accounts, and thinks better of it.")
        thread = await self.open(who, friend)
        hello = "The same me, from my other account."
        sent = await who.client.send(thread, hello)
        await friend.message(thread, sent.seq)
        view = await friend.finds(thread)
        self.says(who, hello, view.folder, friend)
        await friend.client.accept(thread)
        preview = await who.client.preview_unlink(who.account)
        self.effects("previewed", "The preview says:", preview)
        other = next(own for own in who.client.accounts.values() if own.id != who.account)
        done = await who.client.unlink(who.account)
        self.expect(
            done.threads_closed == preview.threads_closed > 0, "the unlink did not do what was previewed"
        )
        self.tell("unlinked", "Done. Each account keeps its history; nobody else is told.")
        await self.refused(friend, thread, "Are you there?", NotAccepting)
        await who.client.undo_unlink(who.account, other.network, other.handle, self._password)
        self.tell("undone", f"Undone, with the password of {_TITLES[other.network]}, as for a link.")
        text = "There you are again."
        sent = await friend.client.send(thread, text)
        await who.message(thread, sent.seq)
        self.says(friend, text, (await who.finds(thread)).folder, who)

    async def open(self, who: Member, other: Member) -> ThreadId:
        """Open a thread, speaking as the member's own account."""
        opened = await who.client.open_thread(other.account, as_=who.account, confirm=True)
        assert opened.thread is not None, "an identity was confirmed"
        return opened.thread.id

    async def refused(self, who: Member, thread: ThreadId, text: str, kind: type[Refusal]) -> None:
        """See that a message is refused in just this way."""
        try:
            await who.client.send(thread, text)
        except kind as refusal:
            self.tell(
                "refused",
                f'{who.at}: "{text}"   [refused: {refusal.code}]',
                by=who.handle,
                code=refusal.code,
                sees=refusal.text,
            )
            return
        except Refusal as refusal:
            self.expect(False, f"{who.name} was refused with {refusal.code}, not {kind.code}")
        self.expect(False, f"{who.name}'s message was taken")
