"""One client's session: its frames become work, its answers and news become frames."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, get_args

from bridge.domain.facts import Missing
from bridge.domain.outcome import Scene
from bridge.domain.views import own_account_view
from bridge.errors import (
    BridgeError,
    CloseCode,
    Fault,
    Internal,
    NotAllowed,
    NotSignedIn,
    ProtocolError,
    QuotaExceeded,
    SignInFailed,
)
from bridge.hub.catching_up import catch_up
from bridge.hub.errands import Errands
from bridge.hub.plain import WEIGHT
from bridge.hub.services import Services
from bridge.hub.sessions import NOWHERE, Leg
from bridge.hub.sockets import Socket
from bridge.hub.work import Work
from bridge.ids import AccountId, DeviceId, Position
from bridge.wire.calls import AnyCall
from bridge.wire.codec import JSON, Codec, Malformed
from bridge.wire.commands import AskLink, DeleteAccount, Link, OpenThread, UndoUnlink
from bridge.wire.events import Heartbeat, LegAdded, LegRemoved
from bridge.wire.operation import Operation as AnyOperation
from bridge.wire.queries import FindAccount, Query
from bridge.wire.replies import Reply
from bridge.wire.sign_in import ChangePassword, ListDevices, Register, RevokeDevice, SignIn, SignOut
from bridge.wire.values import LegHead, LegState, OwnAccountView

log = logging.getLogger("bridge.wire")

_TO_SIGN_IN: Final = 16_384  # bytes: reading a long frame takes milliseconds, which strangers do not get
_ALL_TO_SIGN_IN: Final = 256  # pieces, of which a whole frame counts for several
_A_FRAME: Final = 8
_LOOK_UPS: Final = frozenset((FindAccount, OpenThread, AskLink))


class Connection:
    """A client on its socket. Signed in or not yet; one account's device, one or more legs.

    Attributes:
        account: The account that the device signed in to; empty before the sign-in.
        device: The device.
        codec: How this client's frames are written.
        legs: Where it stands in each own journal.
        address: Where the client comes from.
        bearer: The token that the handshake brought, if it brought one.
    """

    def __init__(self, services: Services, socket: Socket) -> None:
        """Wait for the handshake."""
        self.account = AccountId("")
        self.device = DeviceId("")
        self.codec: Codec = JSON
        self.legs: dict[AccountId, Leg] = {}
        self.address = ""
        self.bearer: str | None = None
        self._services = services
        self._socket = socket
        self._in_flight = 0  # by weight
        self._heavy: dict[int, int] = {}  # what calls under way weigh above one
        self._reading = True
        self._errands = Errands(lambda: socket.close(CloseCode.FAULT, "the hub failed"))
        self._signing_in = False
        self._to_sign_in = _ALL_TO_SIGN_IN
        self._is_open = False
        self._signing_out = False
        self._lost = 0  # counts what may make an answer that is being looked up say too much
        self._looking = 0  # while it is not known what may be told, nothing is
        self._deadline: asyncio.TimerHandle | None = None

    # --- what the socket reports

    def on_connected(self) -> None:
        """Begin to wait: handshake and sign-in must come in time."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._services.limits.sign_in_s, self._too_late)

    def on_open(self, codec: Codec, bearer: str | None) -> None:
        """Note how the client speaks, and the token that the handshake brought."""
        self.codec = codec
        self.address = self._socket.address
        self.bearer = bearer

    def on_frame(self, data: bytes | str) -> None:
        """Read a call and put it on its way."""
        try:
            if not self.account:
                self._spend(_A_FRAME, len(data))
            call, operation = self.codec.read_call(data)
        except Malformed as malformed:
            self._refuse_malformed(malformed)
            return
        except ProtocolError as wrong:
            log.info("closing %s: %s", self.device or "an unknown client", wrong.code)
            self._socket.close(wrong.close_code, wrong.text[:100])
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug("< %s %s #%d", self.device, operation.op, call)
        self._services.counters.calls_total += 1
        try:
            self._dispatch(call, operation, 1 + len(data) // WEIGHT)
        except BridgeError as refusal:
            self._refuse(call, refusal)

    def on_piece(self) -> None:
        """Count it like a call: it costs the hub as much."""
        try:
            if self.account:
                self._services.calls.take(self.account)
            else:
                self._spend(1)
        except BridgeError as much:
            self._socket.close(CloseCode.PROTOCOL, much.text[:100])

    def _spend(self, cost: int, length: int = 0) -> None:
        """Take from what a client may say before it is signed in.

        Raises:
            ProtocolError: If that is too much, or too long.
        """
        self._to_sign_in -= cost
        if self._to_sign_in < 0:
            raise ProtocolError("Sign in first; that takes no frames as many as these.")
        if length > _TO_SIGN_IN and not self._signing_in:
            raise ProtocolError("Sign in first; that takes no frame as long as this.")

    def on_closed(self) -> None:
        """Forget everything about this client; its journal waits for it."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._errands.cancel()
        if self.account:
            self._services.sessions.remove(self)
            log.info("session of device %s closed", self.device)

    # --- calls

    def _dispatch(self, call: int, operation: AnyCall, weight: int) -> None:
        services = self._services
        errand = _ERRANDS.get(type(operation))
        if errand is Connection._sign_in:
            if self.account or self._signing_in:
                raise NotAllowed("This socket is signed in already.")
            self._signing_in = True
        elif not self.account:
            raise NotSignedIn
        else:
            services.calls.take(self.account)
        if type(operation) in _LOOK_UPS:
            services.look_ups.take(self.account)
        self._in_flight += weight
        if weight > 1:
            self._heavy[call] = self._heavy.get(call, 0) + weight - 1
        if self._in_flight > services.limits.calls_in_flight and self._reading:
            self._reading = False
            self._socket.pause_reading()
        if errand is not None:
            self._errands.start(errand(self, call, operation))
            return
        try:
            services.pipeline.submit(
                Work(self, call, self.account, operation, device=self.device, weight=weight)  # type: ignore[arg-type]
            )
        except BridgeError as refusal:
            self.answered(call, refusal)

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Hear from the pipeline what became of a call."""
        self._in_flight -= 1 + self._heavy.pop(call, 0) if self._heavy else 1
        if not self._reading and self._in_flight <= self._services.limits.calls_in_flight // 2:
            self._reading = True
            self._socket.resume_reading()
        if isinstance(reply, BridgeError):
            self._refuse(call, reply)
        else:
            self._socket.send(self.codec.reply(call, self.codec.body(reply)))

    async def _query(self, call: int, operation: AnyOperation) -> None:
        await self._answer(call, self._looked_up(operation))

    async def _looked_up(self, operation: AnyOperation) -> Reply:
        """Look until no account was lost meanwhile: an answer must not tell of one that is gone."""
        async with self._services.places.place(self.account):
            while True:
                lost = self._lost
                reply = await self._services.queries.answer(self, operation)  # type: ignore[arg-type]
                if lost == self._lost:
                    return reply

    async def _proven(self, call: int, operation: Link | UndoUnlink | DeleteAccount) -> None:
        await self._answer(call, self._services.auth.prove_and_do(self, operation))

    async def _answer(self, call: int, work: Coroutine[object, object, Reply]) -> None:
        """Answer a call that takes more than one step."""
        try:
            reply: Reply | BridgeError = await work
        except BridgeError as refusal:
            reply = refusal
        self.answered(call, reply)

    async def _session_call(self, call: int, operation: AnyOperation) -> None:
        self._signing_out = isinstance(operation, SignOut) or (
            isinstance(operation, RevokeDevice) and operation.device == self.device
        )
        try:
            reply = await self._services.auth.session_call(self, operation)
        except BridgeError as refusal:
            self._signing_out = False
            self.answered(call, refusal)
            return
        self.answered(call, reply)
        if self._signing_out:
            self._socket.close(CloseCode.REVOKED, "signed out")

    async def _sign_in(self, call: int, operation: SignIn | Register) -> None:
        """Open the session: register for news first, then see what was missed, then catch up."""
        try:
            signed_in = await self._services.auth.sign_in(self, operation)
        except BridgeError as refusal:
            self._signing_in = False
            self.answered(call, refusal)
            if isinstance(refusal, SignInFailed):
                self._socket.close(CloseCode.SIGN_IN_FAILED, "sign-in failed")
            elif isinstance(refusal, QuotaExceeded):
                self._socket.close(CloseCode.TOO_MANY, "too many connections of this person")
            elif self.account:  # it was half open: another try needs another socket
                self._socket.close(CloseCode.FAULT, refusal.code)
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.answered(call, signed_in)
        self._socket.settle()
        self._is_open = True
        log.info("session of device %s opened", self.device)
        for account in list(self.legs):
            self.fell_behind(account)

    # --- news

    def push(self, frame: bytes) -> None:
        """Hand a frame to the socket."""
        self._socket.send(frame)

    def fell_behind(self, account: AccountId) -> None:
        """Catch up from the journal; what is live already at its head just goes on."""
        leg = self.legs.get(account)
        if leg is None or leg.sent == NOWHERE or leg.catches_up or self._looking:
            return
        if leg.sent >= self._services.sessions.heads.get(account, 0):
            leg.live = True
            return
        leg.live, leg.catches_up = False, True
        self._errands.start(catch_up(self, self._socket, self._services, account, leg))

    def is_behind(self, account: AccountId, leg: Leg) -> bool:
        """Say whether a leg still is the one that catches up, and somebody may hear it."""
        return self.legs.get(account) is leg and not self._looking and self._socket.is_open

    def heartbeat(self, at: int) -> None:
        """Tell where each own journal stands."""
        if not self._is_open:
            return  # the answer to the sign-in comes first
        services = self._services
        heads = tuple(
            LegHead(
                account=account,
                head=Position(head),
                cursor=services.cursors.cursor(account, leg.epoch, leg.sent),
            )
            for account, leg in self.legs.items()
            if leg.sent != NOWHERE and (head := services.sessions.heads.get(account, leg.sent)) is not None
        )
        self._socket.send(self.codec.passing(self.codec.body(Heartbeat(legs=heads, at=at))))

    def leg(self, account: AccountId, epoch: int) -> Leg:
        """Begin to stand in an account's journal, nowhere yet."""
        prefix = self._services.cursors.prefix(account, epoch)
        return Leg(epoch, NOWHERE, self.codec.envelope(account, prefix))

    # --- which accounts

    def look_again(self) -> None:
        """Find out anew which accounts the session may use, before anything else is told."""
        try:
            allowed, revoked = self._allowed(self._services.pipeline.scene_of(self.account))
        except Missing:
            self._looking += 1
            self._lost += 1
            for leg in self.legs.values():
                leg.live = False
            self._errands.start(self._look_again_later())
            return
        self._apply(allowed, revoked)

    async def _look_again_later(self) -> None:
        await self._services.pipeline.consult(self.account, self._allowed)  # so that memory holds it
        self._services.pipeline.between(self._go_on)  # as it is by then: more may have moved meanwhile

    def _go_on(self) -> None:
        self._looking -= 1
        self.look_again()
        for account in list(self.legs):
            self.fell_behind(account)

    def _allowed(self, scene: Scene) -> tuple[dict[AccountId, tuple[OwnAccountView, int]], bool]:
        accounts = {
            leg: (
                own_account_view(scene.facts.account(leg), scene.facts.person_of(leg)),
                scene.facts.account(leg).epoch,
            )
            for leg in scene.legs
        }
        return accounts, scene.is_shut_out(self.device)

    def _apply(self, allowed: dict[AccountId, tuple[OwnAccountView, int]], revoked: bool) -> None:
        if revoked:
            if self._signing_out:
                return  # the answer comes first, then the close
            self._socket.close(CloseCode.REVOKED, "this device was signed out, or its account closed")
            return
        for account in list(self.legs):
            if account not in allowed:
                self._lost += 1
                self._services.sessions.leave(self, account)
                self.push(self.codec.passing(self.codec.body(LegRemoved(account=account))))
        for account, (view, epoch) in allowed.items():
            if account not in self.legs:
                self._errands.start(self._add_leg(account, view, epoch))

    async def _add_leg(self, account: AccountId, view: OwnAccountView, epoch: int) -> None:
        """Let the session hear another account, from its journal's head on."""
        services = self._services
        leg = self.legs[account] = self.leg(account, epoch)
        if services.sessions.join(self, account):
            services.sessions.came(account, online=True)
        await services.bus.settled()
        heads = await services.store.heads([account])
        if self.legs.get(account) is not leg:
            return
        leg.sent = services.sessions.note_head(account, heads[account].newest)
        head = LegHead(
            account=account,
            state=LegState.SNAPSHOT,
            head=Position(leg.sent),
            cursor=services.cursors.cursor(account, epoch, leg.sent),
        )
        self.push(self.codec.passing(self.codec.body(LegAdded(account=view, leg=head))))
        self.fell_behind(account)

    # --- ends

    def close(self, code: int, reason: str) -> None:
        """End the session."""
        self._socket.close(code, reason)

    def _too_late(self) -> None:
        if not self.account:
            self._socket.close(CloseCode.SIGN_IN_TIMEOUT, "sign in sooner")

    def _refuse_malformed(self, malformed: Malformed) -> None:
        try:
            if self.account:
                self._services.calls.take(self.account)
        except BridgeError as refusal:
            self._refuse(malformed.call, refusal)
        else:
            self._refuse(malformed.call, malformed.error)

    def _refuse(self, call: int, error: BridgeError) -> None:
        self._socket.send(self.codec.refusal(call, Internal() if isinstance(error, Fault) else error))


_ERRANDS: Final[dict[type, Callable[[Connection, int, Any], Coroutine[Any, Any, None]]]] = {
    **dict.fromkeys((SignIn, Register), Connection._sign_in),
    **dict.fromkeys((SignOut, RevokeDevice, ChangePassword), Connection._session_call),
    **dict.fromkeys((Link, UndoUnlink, DeleteAccount), Connection._proven),
    **dict.fromkeys((*get_args(Query), ListDevices), Connection._query),
}
"""What takes more than one step, and so a task; every other call is one work for the pipeline."""
