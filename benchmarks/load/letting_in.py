"""What people do about each other: controls, ties, contacts, who is here, why a message lands where."""

from typing import Final

from benchmarks.load.doing import HARSH, KIND, Doer, Table
from bridge.wire.values import Folder, TieKind, TieState
from clients import Client

_LOOKS_FOR: Final = 10
_PHONES: Final = 3


class LettingIn:
    """Whom somebody lets in, and what he asks about others."""

    def __init__(self, doer: Doer) -> None:
        """Take who does it."""
        self._doer = doer

    def table(self) -> Table:
        """List it all."""
        return {
            "change controls": (2, self._change_controls),
            "change ties": (2, self._change_ties),
            "answer ties": (1, self._answer_ties),
            "make up": (8, self._make_up),
            "list ties": (1, self._list_ties),
            "upload contacts": (1, self._upload_contacts),
            "find somebody": (1, self._find),
            "ask who is here": (2, self._ask_who_is_here),
            "ask why": (2, self._explain),
        }

    async def _change_controls(self, client: Client) -> None:
        own = self._doer.own(client).id
        controls = await client.get_controls(own)
        control = self._doer.chance.choice([one for one in controls.controls if one.available])
        changed = {control.category: self._doer.chance.choice(control.options)}
        keep = self._doer.chance.choice((None, None, True, False))
        await client.preview_controls(own, changed, keep_connected=keep)
        await client.set_controls(own, controls.version, changed, keep_connected=keep)

    async def _change_ties(self, client: Client) -> None:
        kind = self._doer.chance.choice(list(TieKind))
        own, other = self._doer.own(client).id, self._doer.stranger().account
        await client.set_tie(own, other, kind, on=self._doer.says_yes(KIND / 2))

    async def _answer_ties(self, client: Client) -> None:
        own, kind = self._doer.own(client).id, self._doer.chance.choice((TieKind.FOLLOW, TieKind.FRIEND))
        for tie in (await client.list_ties(own, kind)).ties:
            if tie.incoming and tie.state is TieState.ASKED:
                await client.answer_tie(own, tie.account.id, kind, accept=self._doer.says_yes())

    async def _make_up(self, client: Client) -> None:
        """Let the partner write again: else all would have fallen out with each other before long."""
        own, partner = self._doer.account, self._doer.partner.account
        for kind in (TieKind.BLOCK, TieKind.RESTRICT):
            await client.set_tie(own, partner, kind, on=False)
        controls = await client.get_controls(own)
        opened = {one.category: one.options[0] for one in controls.controls if one.available}
        await client.set_controls(own, controls.version, opened)

    async def _list_ties(self, client: Client) -> None:
        await client.list_ties(self._doer.own(client).id, self._doer.chance.choice(list(TieKind)))

    async def _upload_contacts(self, client: Client) -> None:
        phones = (f"+49{self._doer.chance.randrange(10**8, 10**9)}" for _ in range(_PHONES))
        await client.upload_contacts(self._doer.account, phones)

    async def _find(self, client: Client) -> None:
        stranger = self._doer.stranger()
        await client.find_account(stranger.network, stranger.handle)

    async def _ask_who_is_here(self, client: Client) -> None:
        await client.who_is_here([self._doer.stranger().account for _ in range(_LOOKS_FOR)])

    async def _explain(self, client: Client) -> None:
        own = self._doer.own(client).id
        if self._doer.says_yes(HARSH):
            await client.explain(own, self._doer.stranger().account)
            return
        for view in (await client.list_threads(Folder.REQUESTS, as_=own, limit=1)).threads:
            if view.last is not None and view.last.sender != own:
                await client.explain(own, thread=view.id, seq=view.last.seq)
