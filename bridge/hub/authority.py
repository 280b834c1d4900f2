"""Signing in and out, devices and passwords: who a socket speaks for."""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from bridge import __version__
from bridge.bus.base import Bus
from bridge.config import Config
from bridge.domain.decide import decide
from bridge.domain.deeds import CreateAccount, PutDevice, SeeDevice, SetPassword
from bridge.domain.facts import Missing
from bridge.domain.model import Credential, Device
from bridge.domain.networks import handle_key
from bridge.domain.outcome import Outcome, Scene, is_usable
from bridge.domain.views import own_account_view
from bridge.errors import Invalid, NotFound, ProofFailed, QuotaExceeded, RegistrationClosed, SignInFailed
from bridge.hub.asking import Places
from bridge.hub.auth import Passwords, new_device, token_hash
from bridge.hub.entrance import Entrance
from bridge.hub.journal import Cursors, Place
from bridge.hub.limits import Rate
from bridge.hub.pipeline import Pipeline
from bridge.hub.sessions import Leg, Listening, Sessions
from bridge.hub.work import NOBODY, Ticket, Work
from bridge.ids import AccountId, DeviceId, PersonId, Position
from bridge.store.base import Head, Store
from bridge.wire.commands import DeleteAccount, Link, UndoUnlink
from bridge.wire.operation import Operation
from bridge.wire.replies import Done, Reply, SignedIn
from bridge.wire.sign_in import ChangePassword, Register, RevokeDevice, SignIn, SignOut
from bridge.wire.values import LegHead, LegState, Network, OwnAccountView

_SEEN_MS: Final = 60_000  # how closely it is kept when a device was here last


class Client(Listening, Protocol):
    """A connection, as far as signing in goes."""

    device: DeviceId
    address: str
    bearer: str | None

    def leg(self, account: AccountId, epoch: int) -> Leg:
        """Begin to stand in an account's journal, nowhere yet."""


class Authority:
    """Signs clients in."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        store: Store,
        bus: Bus,
        sessions: Sessions,
        cursors: Cursors,
        passwords: Passwords,
        config: Config,
        tries: Rate,
        entrance: Entrance,
        places: Places,
        clock: Callable[[], int],
    ) -> None:
        """Take the parts."""
        self._tries = tries
        self._pipeline = pipeline
        self._store = store
        self._bus = bus
        self._sessions = sessions
        self._cursors = cursors
        self._passwords = passwords
        self._limits = config.limits
        self._sign_ins = entrance.sign_ins
        self._places = places
        self._policy = config.policy
        self._heartbeat_s = config.hub.heartbeat_s
        self._clock = clock

    # --- signing in

    async def sign_in(self, client: Client, call: SignIn | Register) -> SignedIn:
        """Open a session: afterwards the client hears its journals, from where its cursors left them.

        Raises:
            SignInFailed: If the credentials are not accepted; every cause reads the same.
            RateLimited: If this address or account tried too often.
            QuotaExceeded: If the person has too many connections.
        """
        token = None
        if isinstance(call, Register):
            device, token = await self._register(client, call)
        elif call.token is not None:
            device = await self._device(client, call.token)
        elif call.network is not None and call.handle is not None and call.password is not None:
            account, proven = await self._by_password(client, call.network, call.handle, call.password)
            device, token = await self._new_device(account, call.device, proven)
        elif client.bearer is not None and call.network is call.handle is call.password is None:
            device = await self._device(client, client.bearer)
        else:
            raise Invalid("Give a token, or network, handle and password.", path="$.token")
        cursors = call.cursors if isinstance(call, SignIn) else ()
        async with self._sign_ins:
            return await self._open(client, device, token, cursors)

    async def _open(
        self, client: Client, device: Device, token: str | None, cursors: tuple[str, ...]
    ) -> SignedIn:
        look = partial(_standing, device=device.id)
        standing = await self._pipeline.consult(device.account, look)
        person, own, revoked = standing
        if revoked:
            raise SignInFailed
        accounts = [view.id for view, _ in own]
        if self._sessions.is_full(accounts):
            self._sessions.doubt_counts(accounts)
            raise QuotaExceeded("This person has too many connections.")
        client.account, client.device = device.account, device.id
        self._sessions.add(client)
        for view, epoch in own:
            client.legs[view.id] = client.leg(view.id, epoch)
            if self._sessions.join(client, view.id):
                self._sessions.came(view.id, online=True)
        self._pipeline.between(partial(self._look_again, client, standing))
        await self._hear_others(client, standing)
        heads = await self._store.heads(accounts)
        places = {
            place.account: place for cursor in cursors if (place := self._cursors.read(cursor)) is not None
        }
        legs = [
            self._leg(client, view.id, heads[view.id], places.get(view.id))
            for view, _ in own
            if view.id in client.legs
        ]
        return SignedIn(
            person=person,
            device=device.id,
            token=token,
            accounts=tuple(view for view, _ in own if view.id in client.legs),
            legs=tuple(legs),
            removed=tuple(account for account in places if account not in accounts),
            heartbeat_s=self._heartbeat_s,
            max_frame=self._limits.frame_bytes,
            hub=__version__,
        )

    def _look_again(self, client: Client, standing: "_Standing") -> None:
        """Find out what moved right behind the first look: this session did not hear of it."""
        try:
            moved = _standing(self._pipeline.scene_of(client.account), client.device) != standing
        except Missing:
            moved = True
        if moved:
            client.look_again()

    async def _hear_others(self, client: Client, standing: "_Standing") -> None:
        """Wait until other nodes' news come; what they told before that did not find this session."""
        await self._bus.settled()
        if not self._bus.connects:
            return
        found = await self._pipeline.consult(client.account, partial(_standing, device=client.device))
        if found[-1]:
            raise SignInFailed
        if found != standing:
            self._pipeline.between(client.look_again)

    def _leg(self, client: Client, account: AccountId, kept: Head, place: Place | None) -> LegHead:
        """Decide how a journal goes on: after the client's cursor if that can be had whole, else from now."""
        leg = client.legs[account]
        head = self._sessions.note_head(account, kept.newest)
        resumes = (
            place is not None
            and self._cursors.is_current(place, leg.epoch)
            and kept.oldest - 1 <= place.position <= head
        )
        leg.sent = place.position if place is not None and resumes else head
        return LegHead(
            account=account,
            state=LegState.RESUMED if resumes else LegState.SNAPSHOT,
            head=Position(head),
            cursor=self._cursors.cursor(account, leg.epoch, leg.sent),
        )

    async def _register(self, client: Client, call: Register) -> tuple[Device, str]:
        if not self._policy.register:
            raise RegistrationClosed
        self._tries.take(f"address {client.address}")
        password = await self._passwords.hash(call.password)
        deed = CreateAccount(
            network=call.network,
            handle=call.handle,
            name=call.name,
            password=password,
            region=self._policy.region,
        )
        reply = await self._pipeline.do(AccountId(""), deed)
        account: OwnAccountView = reply.account  # type: ignore[attr-defined]  # a Profile, by the rule
        return await self._new_device(account.id, call.device, password)

    async def _device(self, client: Client, token: str) -> Device:
        async with self._sign_ins:
            device = await self._store.device_by_token(token_hash(token))
            accepted = device is not None and not device.revoked and await self._may_enter(device.account)
        if device is None or not accepted:
            self._tries.take(f"address {client.address}")
            raise SignInFailed
        if (now := self._clock()) >= device.seen_at + _SEEN_MS:
            deed = SeeDevice(device=device.id, at=now)
            self._pipeline.submit(Work(lane=NOBODY, call=0, account=device.account, command=deed))
        return device

    async def _by_password(
        self, client: Client, network: Network, handle: str, password: str
    ) -> tuple[AccountId, str]:
        """Give whose password this is, and its hash."""
        self._tries.take(f"address {client.address}")
        account = await self._find(network, handle)
        proven = await self._proven(account, password, f"{network} {handle_key(handle)}")
        if not proven:
            raise SignInFailed
        assert account is not None, "only an account has a password"
        if not await self._may_enter(account):
            raise SignInFailed
        return account, proven

    async def _find(self, network: Network, handle: str) -> AccountId | None:
        return await self._pipeline.consult(
            AccountId(""), lambda scene: scene.facts.handle_owner(network, handle)
        )

    async def _proven(self, account: AccountId | None, password: str, name: str) -> str:
        """Give the hash that a password fits, or none; tries are limited even where there is no account."""
        self._tries.take(f"account {account or name}")
        key = (Credential, account or AccountId(""))  # the same work, whether or not there is such an account
        credential = (await self._store.load([key]))[key]
        stored = credential.password if isinstance(credential, Credential) else ""
        return stored if await self._passwords.verify(stored, password) else ""

    async def _may_enter(self, account: AccountId) -> bool:
        """Say whether an account may sign in: an active one, or a deleted one that can still be restored."""

        def state(scene: Scene) -> bool:
            found = scene.facts.find_account(account)
            return found is not None and is_usable(found) and not 0 < found.erase_at <= scene.now

        return await self._pipeline.consult(AccountId(""), state)

    async def _new_device(self, account: AccountId, name: str, proven: str) -> tuple[Device, str]:
        device, token = new_device(account, name, self._clock())
        try:
            await self._pipeline.do(account, PutDevice(device=device, proven=proven))
        except ProofFailed:  # the password was changed while it was checked
            raise SignInFailed from None
        return device, token

    # --- calls that need a proof

    async def prove_and_do(self, client: Client, call: Link | UndoUnlink | DeleteAccount) -> Reply:
        """Check the password that a command carries, then put it on its way with what was proven.

        Raises:
            RateLimited: If passwords were tried too often from this address, or of this account.
        """
        self._tries.take(f"address {client.address}")
        if isinstance(call, DeleteAccount):
            account: AccountId | None = call.as_
            name = call.as_
        else:
            account = await self._find(call.network, call.handle)
            name = AccountId(f"{call.network} {handle_key(call.handle)}")
        proven = await self._proven(account, call.password, name)

        def run(scene: Scene) -> Outcome:
            if proven and account is not None and scene.facts.password(account) == proven:
                scene.proven = frozenset({account})  # else it was changed while it was checked
            return decide(scene, call)

        ticket = Ticket()
        self._pipeline.submit(Work(ticket, 0, client.account, run=run, device=client.device))
        return await ticket.reply

    # --- devices

    async def session_call(self, client: Client, call: Operation) -> Reply:
        """Do what concerns the sign-in itself."""
        match call:
            case RevokeDevice():
                return await self._revoke(client, call.device)
            case SignOut():
                return await self._revoke(client, client.device)
            case ChangePassword():
                return await self._change_password(client, call)
            case _:
                raise AssertionError("a session call without an answer")

    async def _revoke(self, client: Client, name: DeviceId) -> Done:
        async with self._places.place(client.account):
            own = await self._pipeline.consult(client.account, lambda scene: scene.legs)
            devices = {device.id: device for device in await self._store.devices(own)}
        device = devices.get(name)
        if device is None:
            raise NotFound("There is no such device.", path="$.device")
        deed = PutDevice(device=replace(device, revoked=True))
        await self._pipeline.do(client.account, deed, device=client.device)
        return Done()

    async def _change_password(self, client: Client, call: ChangePassword) -> Done:
        own = (await self._pipeline.consult(client.account, lambda scene: scene.own(call.as_))).id
        self._tries.take(f"address {client.address}")
        proven = await self._proven(own, call.old, own)
        if not proven:
            raise ProofFailed("That is not the present password; nothing was changed.", path="$.old")
        hashed = await self._passwords.hash(call.new)
        deed = SetPassword(account=own, password=hashed, keep=client.device, proven=proven)
        await self._pipeline.do(client.account, deed, device=client.device)
        return Done()


_Standing = tuple[PersonId, list[tuple[OwnAccountView, int]], bool]


def _standing(scene: Scene, device: DeviceId) -> _Standing:
    """Say who the person is, which accounts its sessions may use, and whether a device was signed out."""
    person = scene.facts.person_of(scene.account)
    accounts = [scene.facts.account(leg) for leg in scene.legs]
    own = [(own_account_view(account, person), account.epoch) for account in accounts]
    return person.id, own, scene.is_shut_out(device)
