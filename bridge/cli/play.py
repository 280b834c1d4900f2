"""The demonstration's conversation: real clients on a real hub, each step told and checked.

Anything that goes otherwise than told ends it: what a reader sees here is what happened.
"""

import asyncio
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import msgspec

from bridge.cli.link import NOTHING, effect_lines
from bridge.cli.printing import Printer, count
from bridge.domain.networks import can_reply
from bridge.errors import NotAccepting, Refusal, RequestPending, SetupError
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import MessageSent
from bridge.wire.replies import Effects
from bridge.wire.values import Folder, MessageView, Network, OwnAccountView, ThreadView
from clients.client import Client
from clients.listeners import EventStream

E = TypeVar("E")

_PATIENCE_S = 20.0
_SPEAKER = 18  # columns
_WIDTH = 90
_TITLES = {Network.DIRECT: "Direct", Network.MESSENGER: "Messenger"}


class Member:
    """Somebody who takes part, signed in with a client of their own."""

    def __init__(self, client: Client, network: Network, handle: str) -> None:
        """Take a connected client."""
        self.client = client
        self.network = network
        self.handle = handle
        self.name = self.own.name
        self._events: EventStream = client.events()

    @property
    def account(self) -> AccountId:
        """The account that this member speaks as."""
        return self.own.id

    @property
    def at(self) -> str:
        """The member as the reader should see him: name and network."""
        return f"{self.called} ({_TITLES[self.network]})"

    @property
    def called(self) -> str:
        """The first name."""
        return self.name.split()[0]

    @property
    def own(self) -> OwnAccountView:
        """The account that this member speaks as, as the hub showed it."""
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
        self,
        who: Member,
        text: str,
        folder: Folder | None = None,
        reader: Member | None = None,
        then: str = "",
    ) -> None:
        """Tell what somebody said, and where it landed for whom."""
        self.tell("said", f"{who.at + ':':<{_SPEAKER}}{text}", by=who.handle, folder=folder)
        if folder is not None and reader is not None:
            self._printer.line(f"   {'':<{_SPEAKER}}... lands in {reader.called}'s {folder}{then}.")

    def effects(self, text: str, effects: Effects, more: tuple[str, ...] = ()) -> None:
        """Tell what a change would do."""
        plain = msgspec.to_builtins(effects)
        lines = [*effect_lines(plain), *more]
        if more and lines[0] == NOTHING:
            del lines[0]
        self.tell("previewed", text, effects=plain)
        for line in lines:
            for part in textwrap.wrap(line, _WIDTH, initial_indent="- ", subsequent_indent="  "):
                self._printer.line(f"      {part}")

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
        self.title(f"{who.name} signs in once and finds the chats of both her accounts in one inbox.")
        for folder in (Folder.INBOX, Folder.REQUESTS):
            for thread in (await who.client.list_threads(folder, limit=5)).threads:
                last = thread.last or await self._last_of_archive(who, thread)
                if last is not None:
                    self._row(who, folder, thread, last)
        legs = {own.network for own in who.client.accounts.values()}
        self.expect(legs == set(Network), "the inbox is not merged")

    async def _last_of_archive(self, who: Member, thread: ThreadView) -> MessageView | None:
        """Read the newest imported message beside a thread in which nothing was said yet."""
        if not thread.segments:
            return None
        found = await who.client.history_page(thread.segments[-1], limit=1)
        return found.messages[0] if found.messages else None

    def _row(self, who: Member, folder: Folder, thread: ThreadView, last: MessageView) -> None:
        network = _TITLES[who.client.accounts[thread.leg].network]
        others = thread.title or ", ".join(other.name for other in thread.others)
        text = textwrap.shorten(last.text or f"({last.kind})", 48, placeholder=" ...")
        self.tell("thread", f"{folder:<10}{network:<11}{others:<17}{text}", folder=folder, network=network)

    async def meet(self, stranger: Member, host: Member, lines: Sequence[str]) -> ThreadId:
        """A stranger of the other network writes; the request is accepted; answers cross both ways."""
        hello, impatient, answer, reply = lines
        self.title(f"{stranger.name} writes to {host.name} for the first time, from the other network.")
        thread = await self.open(stranger, host)
        sent = await stranger.client.send(thread, hello)
        await host.message(thread, sent.seq)
        view = await host.finds(thread)
        self.says(stranger, hello, view.folder, host)
        self.expect(view.folder is Folder.REQUESTS, f"a stranger's message landed in {view.folder}")
        await self.refused(stranger, thread, impatient, RequestPending)
        await host.client.accept(thread)
        view = await host.finds(thread)
        self.tell("accepted", f"{host.called} accepts the request: the chat is in the inbox now.")
        self.expect(view.folder is Folder.INBOX, "an accepted request is not in the inbox")
        answered = await host.client.send(thread, answer)
        await stranger.message(thread, answered.seq)
        self.says(host, answer)
        sent = await stranger.client.send(thread, reply, reply_to=answered.seq)
        shown = await host.message(thread, sent.seq)
        self.says(stranger, reply)
        self._translation(host, shown)
        return thread

    def _translation(self, reader: Member, shown: MessageView) -> None:
        """Tell what the crossing did to a reply, where the reader's network has none."""
        converted = shown.translation.converted if shown.translation else ()
        has_replies = can_reply(reader.network, reader.own.hybrid)
        self.expect(has_replies is not ("reply" in converted), "the reply was not translated as it should be")
        if has_replies:
            return
        self.tell(
            "translated", f"That was a reply. {_TITLES[reader.network]} has none, so {reader.called} reads:"
        )
        for line in (shown.text or "").splitlines():
            self._printer.line(f"   {'':<{_SPEAKER}}{line}")
        self._printer.data({"what": "shown", "text": shown.text, "converted": converted})

    async def refuse(self, stranger: Member, host: Member, thread: ThreadId) -> None:
        """The host sets "don't receive"; the next message is refused, and only the host learns why."""
        category = f"others_on_{stranger.network}"
        self.title(f"{host.name} sets messages from {_TITLES[stranger.network]} to: don't receive.")
        now = await host.client.get_controls(host.account)
        preview = await host.client.preview_controls(host.account, {category: "none"})
        moved = tuple(
            f"of the last 30 days, {count(one.messages, 'message')} of {one.category}: "
            f"{one.would_be} instead of {one.was}"
            for one in preview.moved
        )
        self.effects("A preview first, which changes nothing:", preview.effects, moved)
        changed = await host.client.set_controls(host.account, now.version, {category: "none"})
        await self.refused(stranger, thread, "Shall I bring you a copy?", NotAccepting)
        why = (await host.client.explain(host.account, account=stranger.account)).decision
        self.expect(why.outcome == "none" and category in why.rule, f"the explanation says {why.rule}")
        self.tell(
            "explained", f"{host.called} alone may ask why: {why.rule}, version {why.controls_version}."
        )
        back = {one.category: one.outcome for one in now.controls}[category]
        changed = await host.client.set_controls(host.account, changed.version, {category: back})
        self.tell("allowed", f"{host.called} sets it back to {back} (version {changed.version}).")
        text = "Then I bring you two."
        sent = await stranger.client.send(thread, text)
        await host.message(thread, sent.seq)
        self.says(stranger, text, (await host.finds(thread)).folder, host)

    async def part(self, who: Member, friend: Member) -> None:
        """Unlink previewed, done and undone, with a chat across networks in between."""
        self.title(f"{who.name} unlinks her two accounts, and thinks better of it.")
        thread = await self.open(who, friend)
        hello = "The same me, from my other account."
        sent = await who.client.send(thread, hello)
        await friend.message(thread, sent.seq)
        self.says(who, hello, (await friend.finds(thread)).folder, friend, f"; {friend.called} accepts")
        await friend.client.accept(thread)
        preview = await who.client.preview_unlink(who.account)
        self.effects("A preview of the unlink, which changes nothing:", preview)
        other = next(own for own in who.client.accounts.values() if own.id != who.account)
        done = await who.client.unlink(who.account)
        self.expect(
            done.threads_closed == preview.threads_closed > 0, "the unlink did not do what was previewed"
        )
        self.tell("unlinked", "Done: each account keeps its history, and nobody else is told.")
        await self.refused(friend, thread, "Are you there?", NotAccepting)
        await who.client.undo_unlink(who.account, other.network, other.handle, self._password)
        self.tell("undone", f"Undone, proven with the password of {_TITLES[other.network]} as a link is.")
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
        code = "nothing"
        try:
            await who.client.send(thread, text)
        except Refusal as refusal:
            code = refusal.code
            self.tell("refused", f"{who.at + ':':<{_SPEAKER}}{text}", by=who.handle, code=code)
            self._printer.line(
                f"   {'':<{_SPEAKER}}... is refused. All that {who.called} sees: {refusal.text}"
            )
        self.expect(code == kind.code, f"{who.called} was answered with {code}, not with {kind.code}")
