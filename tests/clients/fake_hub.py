"""A small hub in memory: what it answers to signed-in accounts."""

from collections.abc import Iterable
from typing import Any

from bridge.errors import (
    CannotMessageSelf,
    NotFound,
)
from bridge.ids import AccountId, DeviceId, ThreadId
from bridge.wire import calls, queries, sign_in
from bridge.wire import commands as c
from bridge.wire import events as e
from bridge.wire import replies as r
from bridge.wire.values import (
    Consent,
    DeviceView,
    Folder,
)
from tests.clients.fake_state import FakeState, FakeThread


class Answers:
    """What signed-in accounts are answered."""

    def __init__(self, hub: FakeState, accounts: tuple[AccountId, ...]) -> None:
        self.hub, self.accounts = hub, accounts

    def answer(self, operation: Any) -> r.Reply:
        method = getattr(self, operation.op, None)
        if method is None:
            raise NotFound(f"The fake hub does not know {operation.op}.")
        reply: r.Reply = method(operation)
        return reply

    def _thread(self, name: ThreadId) -> tuple[FakeThread, AccountId]:
        thread = self.hub.threads.get(name)
        for account in self.accounts:
            if thread is not None and account in thread.seats:
                return thread, account
        raise NotFound

    def send(self, operation: c.Send) -> r.Sent:
        return self.hub.send(self._thread(operation.thread)[1], operation)

    def sign_out(self, _: sign_in.SignOut) -> r.Done:
        return r.Done()

    def list_devices(self, _: sign_in.ListDevices) -> r.Devices:
        return r.Devices(
            devices=(DeviceView(id=DeviceId("d-1"), name="fake", created_at=1, seen_at=2, here=True),)
        )

    def open_thread(self, operation: c.OpenThread) -> r.Opened:
        other = operation.account or AccountId(f"a-{operation.handle}")
        if other not in self.hub.accounts:
            raise NotFound
        if other in self.accounts:
            raise CannotMessageSelf
        view = self.hub.public(other)
        if operation.as_ is None or not operation.confirm:
            return r.Opened(propose=operation.as_ or self.accounts[0], other=view)
        thread = self.hub.thread(operation.as_, other)
        return r.Opened(thread=self.hub.view(thread, operation.as_), other=view)

    def list_threads(self, operation: queries.ListThreads) -> r.Threads:
        views = [
            self.hub.view(thread, account)
            for thread in self.hub.threads.values()
            for account in self.accounts
            if account in thread.seats and thread.seats[account].folder is operation.folder
        ]
        views.sort(key=lambda view: (-view.last_at, view.id))
        start = int(operation.before or 0)
        page = tuple(views[start : start + operation.limit])
        rest = start + operation.limit < len(views)
        return r.Threads(threads=page, next=str(start + operation.limit) if rest else None)

    def get_thread(self, operation: queries.GetThread) -> r.OneThread:
        return r.OneThread(thread=self.hub.view(*self._thread(operation.thread)))

    def history(self, operation: queries.History) -> r.Messages:
        thread, _ = self._thread(operation.thread)
        if operation.after is not None:
            found = [m for m in thread.messages if m.seq > operation.after]
        else:
            found = [
                m for m in reversed(thread.messages) if operation.before is None or m.seq < operation.before
            ]
        return r.Messages(messages=tuple(found[: operation.limit]), more=len(found) > operation.limit)

    def search(self, operation: queries.Search) -> r.SearchHits:
        found = [
            message
            for thread in self.hub.threads.values()
            if set(self.accounts) & set(thread.seats)
            for message in thread.messages
            if operation.text in (message.text or "")
        ]
        return r.SearchHits(messages=tuple(found))

    def accept(self, operation: c.Accept) -> r.Done:
        return self._move(operation.threads, Folder.INBOX, Consent.ACCEPTED)

    def decline(self, operation: c.Decline) -> r.Done:
        return self._move(operation.threads, Folder.NONE, Consent.DECLINED)

    def archive(self, operation: c.Archive) -> r.Done:
        return self._move(operation.threads, Folder.ARCHIVED if operation.on else Folder.INBOX, None)

    def _move(self, threads: Iterable[ThreadId], folder: Folder, consent: Consent | None) -> r.Done:
        for name in threads:
            thread, account = self._thread(name)
            thread.seats[account].folder = folder
            thread.seats[account].consent = consent or thread.seats[account].consent
            self.hub.changed(thread, account)
            if consent is Consent.ACCEPTED:
                self.hub.changed(thread, thread.other(account))
        return r.Done()

    def mark_read(self, operation: c.MarkRead) -> r.Done:
        thread, account = self._thread(operation.thread)
        seat = thread.seats[account]
        if operation.upto > seat.read:
            seat.read = seat.delivered = operation.upto
            told = thread.seats if seat.consent is not Consent.PENDING else (account,)
            for member in told:
                self.hub.tell(member, e.Read(thread=thread.id, account=account, upto=operation.upto))
        return r.Done()

    def mark_delivered(self, operation: c.MarkDelivered) -> r.Done:
        thread, account = self._thread(operation.thread)
        seat = thread.seats[account]
        if operation.upto > seat.delivered:
            seat.delivered = operation.upto
            if seat.consent is not Consent.PENDING:
                event = e.Delivered(thread=thread.id, account=account, upto=operation.upto)
                self.hub.tell(thread.other(account), event)
        return r.Done()

    def typing(self, operation: c.Typing) -> r.Done:
        thread, account = self._thread(operation.thread)
        for wire in self.hub.wires:
            if thread.other(account) in wire.accounts:
                wire.pass_on(e.Typed(thread=thread.id, account=account))
        return r.Done()

    def list_link_asks(self, _: queries.ListLinkAsks) -> r.LinkAsks:
        return r.LinkAsks(asks=())

    def count_unread(self, _: queries.CountUnread) -> r.Unread:
        return r.Unread()

    def who_is_here(self, operation: queries.WhoIsHere) -> r.Present:
        return r.Present(online=operation.accounts)


class FakeHub(FakeState):
    """The whole of it."""

    def answers(self, accounts: tuple[AccountId, ...], operation: calls.AnyCall) -> r.Reply:
        return Answers(self, accounts).answer(operation)
