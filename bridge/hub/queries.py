"""Queries that list: read a page from the store, then show it through the rules' eyes."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from bridge.domain.answers import FactQuery, answer, is_present_for
from bridge.domain.facts import Missing
from bridge.domain.model import Member, Message, Thread, ThreadKind, Tie
from bridge.domain.outcome import Scene, other_of
from bridge.domain.views import account_view, message_view, thread_view, what_is_left
from bridge.errors import Invalid
from bridge.hub.pages import A_PAGE, Pages, show_each
from bridge.hub.pipeline import Pipeline
from bridge.hub.previews import controls_previewed
from bridge.hub.sessions import Listening, Sessions
from bridge.ids import AccountId, Seq, ThreadId
from bridge.store.base import Page, Store
from bridge.wire import replies
from bridge.wire.queries import (
    CountUnread,
    GetThread,
    History,
    ListThreads,
    ListTies,
    PreviewControls,
    PreviewLeaveHybrid,
    PreviewUnlink,
    Query,
    Search,
    WhoIsHere,
)
from bridge.wire.sign_in import ListDevices
from bridge.wire.values import DeviceView, MessageView, ThreadView, TieKind, TieState, TieView

T = TypeVar("T")


class Queries:
    """Answers what clients ask without changing anything."""

    def __init__(self, pipeline: Pipeline, store: Store, sessions: Sessions) -> None:
        """Take what there is to read."""
        self._pipeline = pipeline
        self._pages = Pages(pipeline)
        self._store = store
        self._sessions = sessions

    async def answer(self, session: Listening, query: Query | ListDevices) -> replies.Reply:
        """Answer one query.

        Raises:
            BridgeError: If it is malformed or not allowed.
        """
        match query:
            case ListThreads():
                return await self._threads(session, query)
            case GetThread():
                return await self._thread(session, query)
            case History():
                return await self._history(session, query)
            case Search():
                return await self._search(session, query)
            case ListTies():
                return await self._ties(session, query)
            case CountUnread():
                legs = await self._consult(session, lambda scene: scene.legs)
                tally = await self._store.tally(legs)
                return replies.Unread(threads=tally.threads, messages=tally.messages, requests=tally.requests)
            case WhoIsHere():
                return await self._who_is_here(session, query)
            case ListDevices():
                return await self._devices(session)
            case PreviewControls():
                return await controls_previewed(
                    self._pipeline, self._store, session.account, query, session.device
                )
            case _:
                fact_query: FactQuery = query
                previews = isinstance(query, PreviewUnlink | PreviewLeaveHybrid)
                return await self._consult(session, lambda scene: answer(scene, fact_query), counts=previews)

    async def _consult(self, session: Listening, ask: Callable[[Scene], T], *, counts: bool = False) -> T:
        """Compute something from the facts, unless the session's device was signed out, be it elsewhere."""
        return await self._pipeline.consult(session.account, ask, counts=counts, device=session.device)

    async def _threads(self, session: Listening, query: ListThreads) -> replies.Threads:
        legs = await self._consult(
            session, lambda scene: scene.legs if query.as_ is None else (scene.own(query.as_).id,)
        )
        after = _page(query.before)
        rows = await self._store.threads(legs, query.folder, after=after, limit=query.limit + 1)
        # What was only opened by others is not told; nothing was said there, so it would come last of all.
        rows = [(thread, side) for thread, side in rows if side.stands or thread.kind is not ThreadKind.PAIR]
        asked = rows[: query.limit]
        segments = await self._store.segments([thread.id for thread, _ in asked]) if asked else {}

        def show(scene: Scene, row: tuple[Thread, Member]) -> ThreadView | None:
            thread, side = row
            if side.account not in scene.legs:
                return None  # it was lost while the page was read
            return _thread_view(scene, thread, side, tuple(segments[thread.id]))

        shown = await self._pages.show(session, asked, show)
        more = None
        if len(rows) > len(shown):
            last, side = rows[len(shown) - 1]
            more = f"{last.last_at}/{last.id}/{side.account}"
        return replies.Threads(threads=tuple(view for view in shown if view is not None), next=more)

    async def _thread(self, session: Listening, query: GetThread) -> replies.OneThread:
        segments = tuple((await self._store.segments([query.thread]))[query.thread])

        def show(scene: Scene) -> replies.OneThread:
            thread, side = scene.seat(query.thread)
            return replies.OneThread(thread=_thread_view(scene, thread, side, segments))

        return await self._consult(session, show)

    async def _history(self, session: Listening, query: History) -> replies.Messages:
        if query.before is not None and query.after is not None:
            raise Invalid("Ask before or after a seq, not both.", path="$.after")
        await self._consult(session, lambda scene: scene.seat(query.thread))
        rows = await self._store.history(
            query.thread, before=query.before, after=query.after, limit=query.limit + 1
        )
        views = await self._pages.show(session, rows[: query.limit], _message_view)
        return replies.Messages(messages=tuple(views), more=len(rows) > len(views))

    async def _search(self, session: Listening, query: Search) -> replies.SearchHits:
        legs = await self._consult(session, lambda scene: scene.legs)
        if query.before is not None and not (query.before.isdecimal() and len(query.before) < 17):
            raise Invalid("Take the cursor from the page before.", path="$.before")
        if query.thread is not None:
            thread = query.thread
            await self._consult(session, lambda scene: scene.seat(thread))
        before = int(query.before) if query.before is not None else None
        rows = await self._store.search(
            legs, query.text, thread=query.thread, before=before, limit=query.limit + 1
        )
        hits = [message for _, message in rows[: query.limit]]
        views = await self._pages.show(session, hits, _message_view)
        more = str(rows[len(views) - 1][0]) if len(rows) > len(views) else None
        return replies.SearchHits(messages=tuple(views), next=more)

    async def _ties(self, session: Listening, query: ListTies) -> replies.Ties:
        own = await self._consult(session, lambda scene: scene.own(query.as_).id)
        rows = await self._store.ties(own, query.tie, after=query.before, limit=query.limit + 1)

        def show(scene: Scene, row: tuple[Tie, bool]) -> TieView:
            tie, incoming = row
            scene.own(query.as_)  # it may have been lost while the page was read
            other = scene.facts.account(tie.owner if incoming else tie.other)
            asked = (query.tie is TieKind.FOLLOW and tie.follow_asked) or (
                query.tie is TieKind.FRIEND and tie.friend_asked
            )
            state = TieState.ASKED if asked else TieState.ON
            return TieView(account=account_view(other), tie=query.tie, state=state, incoming=incoming)

        shown = await self._pages.show(session, rows[: query.limit], show)
        more = None
        if len(rows) > len(shown):
            tie, incoming = rows[len(shown) - 1]
            more = f"{tie.owner if incoming else tie.other}/{int(incoming)}"
        return replies.Ties(ties=tuple(shown), next=more)

    async def _devices(self, session: Listening) -> replies.Devices:
        devices = await self._store.devices(await self._consult(session, lambda scene: scene.legs))
        legs = await self._consult(session, lambda scene: scene.legs)  # one may have been lost meanwhile
        views = (
            DeviceView(
                id=device.id,
                name=device.name,
                created_at=device.created_at,
                seen_at=device.seen_at,
                here=device.id == session.device,
                accounts=(device.account,),
            )
            for device in devices
            if device.account in legs
        )
        return replies.Devices(devices=tuple(views))

    async def _who_is_here(self, session: Listening, query: WhoIsHere) -> replies.Present:
        def seen(scene: Scene) -> tuple[AccountId, ...]:
            may = show_each(scene, query.accounts, is_present_for, A_PAGE)
            return tuple(account for account, shows in zip(query.accounts, may, strict=True) if shows)

        allowed = await self._consult(session, seen)
        with suppress(Missing):  # answers over many rows last for one batch: what was found then stands
            now = seen(self._pipeline.scene_of(session.account))  # with what was decided since
            allowed = tuple(one for one in allowed if one in now)  # late news bring back what was before
        self._sessions.watch(session, allowed)
        return replies.Present(online=await self._sessions.online(allowed))


def _message_view(scene: Scene, message: Message) -> MessageView:
    """Show a message of a thread in which the session has a seat."""
    _, side = scene.seat(message.thread)
    left = what_is_left(scene.facts, message)
    return message_view(scene.facts, left, scene.facts.account(side.account))


def _thread_view(scene: Scene, thread: Thread, side: Member, segments: tuple[ThreadId, ...]) -> ThreadView:
    theirs = None
    if thread.kind is ThreadKind.PAIR:
        theirs = scene.facts.find_member(thread.id, other_of(thread, side.account))
    last = scene.facts.message(thread.id, Seq(thread.tip)) if thread.tip else None
    return thread_view(scene.facts, scene.policy, thread, side, theirs, last, segments)


def _page(cursor: str | None) -> Page | None:
    if cursor is None:
        return None
    match cursor.split("/"):
        case [last_at, thread, account] if last_at.isdecimal() and len(last_at) < 17:
            return Page(int(last_at), thread, account)
    raise Invalid("Take the cursor from the page before.", path="$.before")
