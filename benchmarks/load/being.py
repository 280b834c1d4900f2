"""What people do about themselves: profiles, passwords, devices, links, leaving for good and coming back."""

from collections.abc import Awaitable
from typing import Final

from msgspec.structs import replace

from benchmarks.load.doing import HARSH, Doer, Table
from benchmarks.load.world import Somebody, prefer
from bridge.errors import BridgeError
from bridge.wire.commands import SetProfile
from bridge.wire.events import LinkAsked
from bridge.wire.sign_in import ChangePassword
from bridge.wire.values import AccountState, Network, OwnAccountView
from clients import Client
from clients.errors import CallTimeout, ConnectionClosed, ConnectionLost

_SHOWS: Final = ("private", "shows_typing", "shows_presence", "shows_receipts")
_MANY_DEVICES: Final = 6


class Being:
    """Who somebody is."""

    def __init__(self, doer: Doer) -> None:
        """Take who does it."""
        self._doer = doer

    def table(self) -> Table:
        """List it all."""
        return {
            "change the profile": (1, self._change_profile),
            "change the handle": (1, self._change_handle),
            "change the password": (1, self._change_password),
            "tidy devices": (1, self._tidy_devices),
            "sign out": (1, self._sign_out),
            "change links": (2, self._change_links),
            "delete the account": (1, self._delete),
            "take a deletion back": (4, self._restore),
        }

    async def answer_link(self, client: Client, asked: LinkAsked) -> None:
        """Approve or refuse a link that another account asked for."""
        await client.answer_link(asked.leg, asked.account.id, accept=self._doer.says_yes())

    # --- how they appear, and how they come in

    async def _change_profile(self, client: Client) -> None:
        chance, own = self._doer.chance, self._doer.own(client).id
        changes: dict[str, object] = {what: self._doer.says_yes() for what in _SHOWS}
        changes |= {
            "name": f"Name {chance.random()}",
            "picture": f"https://pictures.example/{chance.random()}",
        }
        what = chance.choice(sorted(changes))
        await client.call(replace(SetProfile(as_=own), **{what: changes[what]}))

    async def _change_handle(self, client: Client) -> None:
        handle = f"{self._doer.me.handle.partition('.')[0]}.{self._doer.chance.randrange(10**6)}"
        change = SetProfile(as_=self._doer.account, handle=handle)
        await self._change_one_of(self._doer.me.handles, handle, client.call(change))

    async def _change_password(self, client: Client) -> None:
        me, new = self._doer.me, f"password {self._doer.chance.random()}"
        change = ChangePassword(as_=self._doer.account, old=me.passwords[0], new=new)
        await self._change_one_of(me.passwords, new, client.call(change))

    async def _change_one_of(self, known: list[str], new: str, change: Awaitable[object]) -> None:
        """Know both until it is known which one holds: it may be done though its answer is lost."""
        known.insert(1, new)
        try:
            await change
        except (ConnectionLost, ConnectionClosed, CallTimeout):
            raise
        except BridgeError:
            known.remove(new)
            raise
        prefer(known, new)

    async def _tidy_devices(self, client: Client) -> None:
        devices = [one for one in (await client.list_devices()).devices if not one.here]
        if len(devices) >= _MANY_DEVICES:
            await client.revoke_device(self._doer.chance.choice(devices).id)

    async def _sign_out(self, client: Client) -> None:
        await client.sign_out()

    # --- links

    async def _change_links(self, client: Client) -> None:
        """Link, upgrade, leave or unlink, or take that back, whatever comes next."""
        own = client.accounts[self._doer.account]
        if not own.linked_to:
            await self._link(client, own)
        elif self._doer.says_yes(0.5):
            await client.upgrade(own.id)
        else:
            await self._loosen(client, own)

    async def _link(self, client: Client, own: OwnAccountView) -> None:
        me = self._doer.me
        if me.unlinked is not None and self._doer.says_yes():
            other, me.unlinked = me.unlinked, None
            await client.undo_unlink(own.id, other.network, other.handle, other.passwords[0])
        elif own.network is Network.DIRECT and (other := self._doer.stranger()) is not self._doer.partner:
            if self._doer.says_yes(0.5):
                await client.ask_link(own.id, other.network, other.handle)
            else:
                await client.link(own.id, other.network, other.handle, other.passwords[0])

    async def _loosen(self, client: Client, own: OwnAccountView) -> None:
        if self._doer.says_yes(HARSH):
            await client.preview_leave_hybrid(own.id)
            await client.leave_hybrid(own.id)
        elif self._doer.says_yes(HARSH):
            options = {"single_sign_on": self._doer.says_yes(), "sync_name": self._doer.says_yes(HARSH)}
            await client.set_link_options(own.id, **options)
        else:
            mate = self._known(own)
            await client.preview_unlink(own.id)
            await client.unlink(own.id)
            self._doer.me.unlinked = mate

    def _known(self, own: OwnAccountView) -> Somebody | None:
        everybody = (one for pair in self._doer.world.pairs for one in pair)
        return next((one for one in everybody if one.account in own.linked_to), None)

    # --- leaving for good, and coming back

    async def _delete(self, client: Client) -> None:
        me = self._doer.me
        if self._doer.says_yes(HARSH):
            me.deleted = True
            self._doer.world.leaving.add(self._doer.account)
            await client.delete_account(self._doer.account, me.passwords[0])

    async def _restore(self, client: Client) -> None:
        if client.accounts[self._doer.account].state is not AccountState.ACTIVE and self._doer.says_yes():
            await client.restore_account(self._doer.account)
