"""What a client raises: the hub's refusals as their own classes, and what only a client can meet.

BridgeError
├── Refusal, SignInFailed     the hub said no; the same classes that the hub raised
└── ClientError
    ├── ConnectionClosed      this client is closed; ``resumable`` says whether a new one may come back
    ├── ConnectionLost        the connection broke before the answer; whether it was done is unknown
    ├── CannotConnect         the hub cannot be reached, or is none of this protocol
    ├── CallTimeout           no answer in time; whether it was done is unknown
    ├── OutboxFull            too many unsent messages wait already
    ├── OutboxInUse           another process has this outbox open
    ├── OutboxOfAnother       what is unsent in it was said as another account
    ├── OutboxBroken          the file is no outbox, or a part of it cannot be read or kept
    ├── EventsMissed          events are missing; the client comes back with its cursors by itself
    └── ChainBroken           the hash chain of a thread does not hold

``code``, ``temporary`` and ``retry_after_s`` mean what they mean in ``bridge.errors``.
"""

from bridge.errors import BridgeError, Refusal, SignInFailed, all_errors
from bridge.wire.frames import ErrorBody


class ClientError(BridgeError):
    """The root of what only a client can meet."""

    code = "client_error"


class ConnectionClosed(ClientError):
    """The client is closed and will not come back by itself.

    Attributes:
        close_code: The socket's close code; 1000 if the caller closed it.
        resumable: Whether a new client may try the same again: so if the caller closed this one.
    """

    code = "connection_closed"
    default = "The connection is closed."

    def __init__(self, text: str = "", *, close_code: int = 1000, resumable: bool = False) -> None:
        """Keep the code."""
        super().__init__(text)
        self.close_code = close_code
        self.resumable = resumable


class ConnectionLost(ClientError):
    """The connection broke before the answer came; whether the hub did it is unknown.

    Attributes:
        close_code: The socket's close code; 1006 if there was none.
    """

    code = "connection_lost"
    temporary = True
    default = "The connection broke before the answer; whether it was done is unknown."

    def __init__(self, text: str = "", *, close_code: int = 1006, retry_after_s: float | None = None) -> None:
        """Keep the code."""
        super().__init__(text, retry_after_s=retry_after_s)
        self.close_code = close_code


class CannotConnect(ClientError):
    """The hub cannot be reached, or what answers is no hub of this protocol."""

    code = "cannot_connect"
    temporary = True
    default = "The hub cannot be reached."


class CallTimeout(ClientError):
    """No answer came in time; whether the hub did it is unknown. An unsent message stays in the outbox."""

    code = "call_timeout"
    temporary = True
    default = "No answer came in time; whether it was done is unknown."


class OutboxFull(ClientError):
    """Too many unsent messages wait already; nothing was added."""

    code = "outbox_full"
    temporary = True
    default = "Too many unsent messages wait already; try again when the connection is back."


class OutboxInUse(ClientError):
    """Another process has this outbox open; each client needs its own."""

    code = "outbox_in_use"
    default = "Another client uses this outbox; choose another path."


class OutboxOfAnother(ClientError):
    """What is unsent in this outbox was said as another account; nothing of it was sent, all is kept."""

    code = "outbox_of_another"
    default = (
        "This outbox holds unsent messages of another account; sign in as that one, or choose another path."
    )


class OutboxBroken(ClientError):
    """The file is no outbox of this product, and is left as it is; or a part of it cannot be read or kept."""

    code = "outbox_broken"
    default = "This file is no outbox; choose another path."


class EventsMissed(ClientError):
    """The hub's numbering shows that events are missing here; a reconnect with the cursors brings them."""

    code = "events_missed"
    temporary = True
    default = "Events are missing; they are fetched again."


class ChainBroken(ClientError):
    """A thread's hash chain does not hold: a message was lost, doubled, reordered or changed.

    Attributes:
        thread: Whose chain.
        seq: The first message that does not fit.
    """

    code = "chain_broken"
    default = "The thread's hash chain does not hold."

    def __init__(self, text: str = "", *, thread: str = "", seq: int = 0) -> None:
        """Keep the place."""
        super().__init__(text)
        self.thread = thread
        self.seq = seq


def error_from(body: ErrorBody) -> BridgeError:
    """Make of a refused call's body the error that the hub meant; unknown codes become ``Refusal``."""
    known = {kind.code: kind for root in (Refusal, SignInFailed) for kind in all_errors(root)}
    error = known.get(body.code, Refusal)(body.text, path=body.path, retry_after_s=body.retry_after_s)
    error.code = body.code
    error.temporary = body.temporary
    return error
