"""Does an operator's orders, by the same road as everybody's commands: decided, committed, audited.

The same code runs inside a hub, behind its admin socket, and in a command line
while no hub runs.
"""

import os
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from bridge import __version__
from bridge.domain import deeds
from bridge.domain.answers import answer
from bridge.domain.model import Account, AuditLine, Credential, Decision, Device, Person
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.routing import decide_route, route
from bridge.errors import Invalid, NotFound, NotSupported, Unavailable
from bridge.hub import orders
from bridge.hub.auth import Passwords, new_device
from bridge.hub.counters import Counters
from bridge.hub.desk import Desk
from bridge.hub.metrics import METRICS
from bridge.hub.pipeline import Pipeline
from bridge.hub.previews import controls_previewed
from bridge.hub.sessions import Sessions
from bridge.ids import AccountId, thread_of_pair
from bridge.store.base import Progress, Store
from bridge.wire import commands, queries
from bridge.wire.codec import OPERATIONS
from bridge.wire.faults import invalid
from bridge.wire.replies import Reply
from bridge.wire.values import AccountState, Network

T = TypeVar("T")

ACTS: Final = (
    commands.Link | commands.UndoUnlink | commands.Unlink | commands.Upgrade | commands.LeaveHybrid
    | commands.SetLinkOptions | commands.SetControls | commands.SetTie
)  # fmt: skip
"""What an operator may do for a person. Never to speak, read or answer for anybody."""

ASKS: Final = (
    queries.GetControls | queries.PreviewControls | queries.PreviewUnlink | queries.PreviewLeaveHybrid
)
"""What an operator may ask for a person."""

_LOOKS: Final = (
    orders.ListAccounts | orders.ShowAccount | orders.ListDevices | orders.ReadAudit | orders.ReadStatus
)

_ERASED_AT_ONCE: Final = 500

Report = Progress
Importer = Callable[[orders.Import, Report], Awaitable[object]]


def only_reads(order: orders.AnyOrder) -> bool:
    """Say whether an order changes nothing, so that a store opened for reading is enough for it."""
    match order:
        case orders.Act():
            kind = OPERATIONS.get(order.op)
            return kind is not None and issubclass(kind, get_args(ASKS))
        case orders.Import():
            return order.dry_run
        case _:
            return isinstance(order, _LOOKS)


class Operator:
    """Does orders."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        store: Store,
        passwords: Passwords,
        clock: Callable[[], int],
        counters: Counters | None = None,
        sessions: Sessions | None = None,
        url: str = "",
        importer: Importer | None = None,
    ) -> None:
        """Take the parts; without ``counters`` and ``sessions`` no hub runs."""
        self._pipeline = pipeline
        self._desk = Desk(pipeline)
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._counters = counters
        self._sessions = sessions
        self._url = url
        self._importer = importer

    async def do(self, order: orders.AnyOrder, report: Report) -> Any:  # one case per order
        """Do one order; what it changed is on disk when this returns.

        Args:
            order: What to do.
            report: Hears how far a long order has come.

        Raises:
            BridgeError: If it was refused.
        """
        match order:
            case orders.CreateAccount():
                return await self._create(order)
            case orders.ListAccounts():
                return await self._list(order)
            case orders.ShowAccount():
                return await self._sheet(await self._account(order.account))
            case orders.ChangeAccount():
                return await self._change(order)
            case orders.SetPassword():
                return await self._set_password(order)
            case orders.DeleteAccount():
                return await self._delete(order)
            case orders.RestoreAccount():
                found = await self._account(order.account)
                await self._pipeline.do(found.id, commands.RestoreAccount(as_=found.id))
                return await self._sheet(await self._account(found.id))
            case orders.EraseAccount():
                return await self._erase(order)
            case orders.ListDevices():
                return await self._devices(order)
            case orders.SignOut():
                return await self._sign_out(order)
            case orders.MintToken():
                return await self._mint(order)
            case orders.Act():
                return await self._act(order)
            case orders.Explain():
                return await self._explain(order)
            case orders.ReadAudit():
                who = None if order.account is None else (await self._account(order.account)).id
                return await self._store.audit_log(account=who, limit=order.limit)
            case orders.ReadStatus():
                return self._status()
            case orders.Import():
                if self._importer is None:
                    raise NotSupported("This hub can't import.")
                return await self._importer(order, report)

    # --- accounts

    async def _account(self, name: str) -> Account:
        """Find an account by ``network/handle`` or by its id."""
        network, slash, handle = name.partition("/")
        if slash:
            if network not in tuple(Network):
                raise Invalid(f"{network!r} is no network: say direct/… or messenger/…", path="$.account")
            where = Network(network)
            known = await self._consult(lambda scene: scene.facts.handle_owner(where, handle))
        else:
            known = AccountId(name)
        found = None if known is None else await self._consult(lambda scene: scene.facts.find_account(known))
        if found is None:
            raise NotFound(f"There is no account {name}. See: isthmus account list", path="$.account")
        return found

    async def _consult(self, ask: Callable[[Scene], T]) -> T:
        return await self._pipeline.consult(AccountId(""), ask)

    async def _sheet(self, account: Account) -> orders.AccountSheet:
        key = (Credential, account.id)
        credential = (await self._store.load([key]))[key]
        others = await self._consult(lambda scene: _others(scene, account))
        return orders.AccountSheet(
            id=account.id,
            account=f"{account.network}/{account.handle}",
            name=account.name,
            person=account.person,
            linked_to=others,
            hybrid=account.hybrid,
            state=account.state,
            can_sign_in=isinstance(credential, Credential) and bool(credential.password),
            private=account.private,
            region=account.region,
            professional=account.professional,
            minor=account.minor,
            suspected=account.suspected,
            has_phone=bool(account.phone),
            placeholder=account.placeholder,
            erase_at=abs(account.erase_at),
            online=None if self._sessions is None else self._sessions.is_online(account.id),
        )

    async def _create(self, order: orders.CreateAccount) -> orders.AccountSheet:
        hashed = "" if order.password is None else await self._passwords.hash(order.password)
        deed = deeds.CreateAccount(
            network=order.network,
            handle=order.handle,
            name=order.name,
            password=hashed,
            region=order.region,
            phone=order.phone or "",
            private=order.private,
            professional=order.professional,
            minor=order.minor,
        )
        await self._pipeline.do(AccountId(""), deed)
        return await self._sheet(await self._account(f"{order.network}/{order.handle}"))

    async def _list(self, order: orders.ListAccounts) -> orders.AccountPage:
        found = await self._store.accounts(after=order.after, limit=order.limit + 1)
        shown = found[: order.limit]
        sheets = [await self._sheet(account) for account in shown]
        return orders.AccountPage(
            accounts=tuple(sheets), next=shown[-1].id if len(found) > order.limit else None
        )

    async def _change(self, order: orders.ChangeAccount) -> orders.AccountSheet:
        found = await self._account(order.account)
        if order.name is not None or order.handle is not None or order.private is not None:
            profile = commands.SetProfile(
                as_=found.id, name=order.name, handle=order.handle, private=order.private
            )
            await self._note(found.id, "set_profile")
            await self._pipeline.do(found.id, profile)
        state = None
        if order.active is not None:
            state = AccountState.ACTIVE if order.active else AccountState.DEACTIVATED
        deed = deeds.ChangeAccount(
            account=found.id,
            region=order.region,
            phone=order.phone,
            professional=order.professional,
            minor=order.minor,
            suspected=order.suspected,
            state=state,
        )
        if deed != deeds.ChangeAccount(account=found.id):
            await self._pipeline.do(AccountId(""), deed)
        return await self._sheet(await self._account(found.id))

    async def _set_password(self, order: orders.SetPassword) -> dict[str, int]:
        found = await self._account(order.account)
        devices = await self._store.devices([found.id])
        hashed = await self._passwords.hash(order.password)
        deed = deeds.SetPassword(account=found.id, password=hashed)
        await self._pipeline.do(AccountId(""), deed)
        return {"signed_out": len(devices)}

    async def _delete(self, order: orders.DeleteAccount) -> orders.AccountSheet:
        found = await self._account(order.account)
        await self._note(found.id, "delete_account")
        command = commands.DeleteAccount(as_=found.id, password="")
        await self._pipeline.do(found.id, command, proven=frozenset({found.id}))
        return await self._sheet(await self._account(found.id))

    async def _erase(self, order: orders.EraseAccount) -> dict[str, int]:
        found = await self._account(order.account)
        await self._pipeline.do(AccountId(""), deeds.EraseAccount(account=found.id))
        return {"messages_erased": await erase_content(self._store, found.id)}

    # --- devices

    async def _devices(self, order: orders.ListDevices) -> list[dict[str, object]]:
        found = await self._account(order.account)
        return [
            {
                "device": device.id,
                "name": device.name,
                "created_at": device.created_at,
                "seen_at": device.seen_at,
            }
            for device in await self._store.devices([found.id])
        ]

    async def _sign_out(self, order: orders.SignOut) -> dict[str, int]:
        found = await self._account(order.account)
        devices = [
            device
            for device in await self._store.devices([found.id])
            if order.device is None or device.id == order.device
        ]
        if order.device is not None and not devices:
            raise NotFound(
                f"No device {order.device} is signed in. See: isthmus account sessions {order.account}",
                path="$.device",
            )
        for device in devices:
            await self._put(replace(device, revoked=True))
        return {"signed_out": len(devices)}

    async def _mint(self, order: orders.MintToken) -> orders.Minted:
        found = await self._account(order.account)
        device, token = new_device(found.id, order.name, self._clock())
        await self._put(device)
        return orders.Minted(device=device.id, token=token)

    async def _put(self, device: Device) -> None:
        await self._pipeline.do(AccountId(""), deeds.PutDevice(device=device))

    # --- on behalf of a person

    async def _act(self, order: orders.Act) -> Reply:
        own = await self._account(order.account)
        proven: frozenset[AccountId] = frozenset()
        arguments = dict(order.arguments)
        if order.proven is not None:
            other = await self._account(order.proven)
            proven = frozenset({own.id, other.id})
            arguments |= {"network": other.network, "handle": other.handle, "password": "-"}
        kind = OPERATIONS.get(order.op)
        if kind is None or not issubclass(kind, (*get_args(ACTS), *get_args(ASKS))):
            raise NotSupported(f"An operator does not {order.op} for people.", path="$.op")
        try:
            command: Any = msgspec.convert({**arguments, "as": own.id}, kind)
        except msgspec.ValidationError as wrong:
            raise invalid(wrong, kind) from None
        if isinstance(command, queries.PreviewControls):
            return await controls_previewed(self._pipeline, self._store, own.id, command)
        if isinstance(command, ASKS):
            return await self._pipeline.consult(own.id, lambda scene: answer(scene, command))
        await self._note(own.id, order.op)
        return await self._pipeline.do(own.id, command, proven=proven)

    async def _explain(self, order: orders.Explain) -> orders.Explanation:
        own = await self._account(order.account)
        sender = await self._account(order.sender)

        def decision(scene: Scene) -> Decision:
            side = scene.facts.find_member(thread_of_pair(own.id, sender.id), own.id)
            return decide_route(route(scene.facts, scene.policy, sender.id, own.id, side))

        found = await self._consult(decision)
        await self._note(own.id, "explain", f"messages of {sender.id}")
        return orders.Explanation(
            outcome=found.outcome,
            rule=found.rule,
            category=found.category,
            facts=found.facts,
            controls_version=found.version,
        )

    async def _note(self, account: AccountId, deed: str, detail: str = "") -> None:
        """Write into the audit log that the operator does something, before it is done."""

        def run(scene: Scene) -> Outcome:
            line = AuditLine(
                at=scene.now, actor="", deed=deed, account=account, detail=detail or "by the operator"
            )
            return Outcome(audit=[line])

        await self._desk.decide(run)

    def _status(self) -> orders.Status:
        counters = self._counters
        if counters is None:
            raise Unavailable("No hub runs here.")
        return orders.Status(
            version=__version__,
            process=os.getpid(),
            url=self._url,
            up_s=round(perf_counter() - counters.started, 3),
            metrics={name: getattr(counters, field) for name, (field, _, _) in METRICS.items()},
        )


async def erase_content(store: Store, account: AccountId) -> int:
    """Erase all content of an account, a little at a time, so that others' commits go between."""
    erased = 0
    while step := await store.erase(account, _ERASED_AT_ONCE):
        erased += step
    return erased


def _others(scene: Scene, account: Account) -> tuple[str, ...]:
    person: Person = scene.facts.person_of(account.id)
    others = [scene.facts.account(other) for other in person.accounts if other != account.id]
    return tuple(f"{other.network}/{other.handle}" for other in others)
