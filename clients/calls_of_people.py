"""The operations around accounts, ties, links and controls, one method each; see ``docs/protocol.md``."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from bridge.ids import AccountId, DeviceId, Seq, ThreadId
from bridge.wire import commands, queries, replies, sign_in
from bridge.wire.values import LinkAskView, Network, TieKind
from clients.session import Asks, R_co


class CallsOfPeople(ABC):
    """Calls that concern accounts. All raise the hub's refusal by its own class of ``bridge.errors``."""

    @abstractmethod
    async def call(self, operation: Asks[R_co]) -> R_co:
        """Ask the hub and wait for the answer."""

    # --- devices

    async def list_devices(self) -> replies.Devices:
        """List the devices that are signed in to the person's accounts."""
        return await self.call(sign_in.ListDevices())

    async def revoke_device(self, device: DeviceId) -> replies.Done:
        """Sign a device out, wherever it is."""
        return await self.call(sign_in.RevokeDevice(device=device))

    async def change_password(self, as_: AccountId, old: str, new: str) -> replies.Done:
        """Replace an own account's password; its other devices are signed out."""
        return await self.call(sign_in.ChangePassword(as_=as_, old=old, new=new))

    # --- profile and ties

    async def set_profile(
        self,
        as_: AccountId,
        *,
        handle: str | None = None,
        name: str | None = None,
        picture: str | None = None,
        private: bool | None = None,
        shows_typing: bool | None = None,
        shows_presence: bool | None = None,
        shows_receipts: bool | None = None,
    ) -> replies.Profile:
        """Change how an own account appears; absent fields stay."""
        return await self.call(
            commands.SetProfile(
                as_=as_,
                handle=handle,
                name=name,
                picture=picture,
                private=private,
                shows_typing=shows_typing,
                shows_presence=shows_presence,
                shows_receipts=shows_receipts,
            )
        )

    async def find_account(
        self, network: Network | None = None, handle: str | None = None, account: AccountId | None = None
    ) -> replies.Found:
        """Look an account up by network and handle, or by id."""
        return await self.call(queries.FindAccount(network=network, handle=handle, account=account))

    async def set_tie(
        self, as_: AccountId, account: AccountId, tie: TieKind, *, on: bool = True
    ) -> replies.Tied:
        """Follow, befriend, block or restrict an account, or stop to."""
        return await self.call(commands.SetTie(as_=as_, account=account, tie=tie, on=on))

    async def answer_tie(
        self, as_: AccountId, account: AccountId, tie: TieKind, *, accept: bool
    ) -> replies.Tied:
        """Answer a follow or friend request."""
        return await self.call(commands.AnswerTie(as_=as_, account=account, tie=tie, accept=accept))

    async def list_ties(
        self, as_: AccountId, tie: TieKind, *, before: str | None = None, limit: int = 50
    ) -> replies.Ties:
        """List an own account's relations of one kind; ``next`` continues the page."""
        return await self.call(queries.ListTies(as_=as_, tie=tie, before=before, limit=limit))

    async def upload_contacts(self, as_: AccountId, phones: Iterable[str]) -> replies.Done:
        """Say which phone numbers (E.164) an own account has in its contacts; replaces the list."""
        return await self.call(commands.UploadContacts(as_=as_, phones=tuple(phones)))

    # --- links

    async def link(self, as_: AccountId, network: Network, handle: str, password: str) -> replies.Linked:
        """Join an account of the other network to the person, proven by its password."""
        return await self.call(commands.Link(as_=as_, network=network, handle=handle, password=password))

    async def ask_link(self, as_: AccountId, network: Network, handle: str) -> replies.Done:
        """Ask a signed-in device of the other account to approve a link, within 10 minutes."""
        return await self.call(commands.AskLink(as_=as_, network=network, handle=handle))

    async def answer_link(self, as_: AccountId, account: AccountId, *, accept: bool) -> replies.Linked:
        """Approve or refuse a link that another account asked for."""
        return await self.call(commands.AnswerLink(as_=as_, account=account, accept=accept))

    async def upgrade(self, as_: AccountId) -> replies.Effects:
        """Take hybrid messaging, or take it again after leaving."""
        return await self.call(commands.Upgrade(as_=as_))

    async def leave_hybrid(self, as_: AccountId) -> replies.Effects:
        """Separate the inboxes again; the accounts stay linked."""
        return await self.call(commands.LeaveHybrid(as_=as_))

    async def preview_leave_hybrid(self, as_: AccountId) -> replies.Effects:
        """Show what leaving hybrid messaging would do, without doing it."""
        return await self.call(queries.PreviewLeaveHybrid(as_=as_))

    async def unlink(self, as_: AccountId) -> replies.Effects:
        """Take an own account out of the person, after a preview."""
        return await self.call(commands.Unlink(as_=as_))

    async def list_link_asks(self, as_: AccountId) -> tuple[LinkAskView, ...]:
        """List whose links wait for an own account's answer, those asked for before this device came too."""
        return (await self.call(queries.ListLinkAsks(as_=as_))).asks

    async def preview_unlink(self, as_: AccountId) -> replies.Effects:
        """Show what an unlink would do, without doing it."""
        return await self.call(queries.PreviewUnlink(as_=as_))

    async def undo_unlink(
        self, as_: AccountId, network: Network, handle: str, password: str
    ) -> replies.Linked:
        """Link again within 14 days of an unlink, proven as a link is."""
        return await self.call(
            commands.UndoUnlink(as_=as_, network=network, handle=handle, password=password)
        )

    async def set_link_options(
        self,
        as_: AccountId,
        *,
        single_sign_on: bool | None = None,
        sync_name: bool | None = None,
        sync_picture: bool | None = None,
    ) -> replies.Done:
        """Switch single sign-on and the syncing of name and picture; absent fields stay."""
        return await self.call(
            commands.SetLinkOptions(
                as_=as_, single_sign_on=single_sign_on, sync_name=sync_name, sync_picture=sync_picture
            )
        )

    async def delete_account(self, as_: AccountId, password: str) -> replies.Done:
        """Make an own account unreachable now and erase it after the grace time."""
        return await self.call(commands.DeleteAccount(as_=as_, password=password))

    async def restore_account(self, as_: AccountId) -> replies.Done:
        """Take back the deletion of an own account within the grace time."""
        return await self.call(commands.RestoreAccount(as_=as_))

    # --- controls

    async def get_controls(self, as_: AccountId) -> replies.Controls:
        """Read an own account's message controls."""
        return await self.call(queries.GetControls(as_=as_))

    async def set_controls(
        self,
        as_: AccountId,
        if_version: int,
        controls: Mapping[str, str] | None = None,
        *,
        keep_connected: bool | None = None,
    ) -> replies.ControlsChanged:
        """Change message controls, made against the version that was read; absent categories stay."""
        return await self.call(
            commands.SetControls(
                as_=as_,
                if_version=if_version,
                controls=dict(controls or {}),
                keep_connected=keep_connected,
            )
        )

    async def preview_controls(
        self,
        as_: AccountId,
        controls: Mapping[str, str] | None = None,
        *,
        keep_connected: bool | None = None,
    ) -> replies.ControlsPreview:
        """Show what a change of controls would do, without doing it."""
        return await self.call(
            queries.PreviewControls(as_=as_, controls=dict(controls or {}), keep_connected=keep_connected)
        )

    async def explain(
        self,
        as_: AccountId,
        account: AccountId | None = None,
        thread: ThreadId | None = None,
        seq: Seq | None = None,
    ) -> replies.Explained:
        """Tell where a sender's next message would land and why, or why a message lies where it does."""
        return await self.call(queries.Explain(as_=as_, account=account, thread=thread, seq=seq))
