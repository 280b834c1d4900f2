"""Every error that the product raises, under one drawn tree.

    BridgeError
    ├── Refusal          the rules said no; the session lives on
    │   ├── Invalid          a field is malformed (``path`` says which)
    │   ├── NotFound, NotAllowed, NotAccepting, RequestPending, …
    │   └── RateLimited, Busy, StorageFull, Unavailable    temporary: try again
    ├── ProtocolError    the peer broke the wire; the socket is closed
    ├── SignInFailed     the sign-in was not accepted
    ├── Fault            ours; the client learns the code, the log learns the cause
    └── SetupError       a command line, a setting or a file cannot be used as it is

``code`` is for programs and never changes; ``temporary`` says whether the same
call may succeed later; the text is for people and may change. Attributes are
plain values only.
"""

from collections.abc import Iterator


class BridgeError(Exception):
    """The root of all errors that the product raises on purpose.

    Attributes:
        code: Stable word for programs.
        temporary: Whether the same call may succeed later.
        text: For people, with the next step where there is one.
        path: The field at fault, as ``$.controls.followers``, if one is.
        retry_after_s: Seconds to wait before trying again, if known.
    """

    code = "error"
    temporary = False
    default = "Something went wrong."

    def __init__(
        self, text: str = "", *, path: str | None = None, retry_after_s: float | None = None
    ) -> None:
        """Keep what the other side should be told."""
        self.text = text or self.default
        self.path = path
        self.retry_after_s = retry_after_s
        super().__init__(self.text)

    def __str__(self) -> str:
        """Say what is wrong, and where, if the text does not say so."""
        return f"{self.text} ({self.path})" if self.path and self.path not in self.text else self.text


# --- refusals: answered with their code, the session lives on


class Refusal(BridgeError):
    """The rules said no; the session lives on."""

    code = "refused"


class Invalid(Refusal):
    """A field is missing, unknown, of the wrong type or out of bounds."""

    code = "invalid"
    default = "The call is malformed; see the path."


class UnknownOperation(Refusal):
    """The call names an operation that does not exist."""

    code = "unknown_operation"
    default = "There is no such operation; see the protocol page."


class NotSignedIn(Refusal):
    """The call came before a sign-in."""

    code = "not_signed_in"
    default = "Sign in first."


class NotFound(Refusal):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"
    default = "There is nothing here by that name for you."


class NotAllowed(Refusal):
    """The caller may know of the thing but not do this to it."""

    code = "not_allowed"
    default = "You may not do that."


class NotAccepting(Refusal):
    """The message was not taken; the sender learns no more than that."""

    code = "not_accepting"
    default = "This account can't receive your message."


class RequestPending(Refusal):
    """One message is waiting for an answer; more must wait for it too."""

    code = "request_pending"
    default = "You can send more once your first message is answered."


class CannotMessageSelf(Refusal):
    """Both accounts belong to the same person."""

    code = "cannot_message_self"
    default = "Both accounts are yours."


class TokenReused(Refusal):
    """The token already stands for another message."""

    code = "token_reused"
    default = "This token was used for another message; choose a new one."


class TooLong(Refusal):
    """The text is over the limit of the speaking account's network."""

    code = "too_long"
    default = "The text is too long for this network."


class NotSupported(Refusal):
    """The speaking account's network cannot do this, or not yet."""

    code = "not_supported"
    default = "This account's network can't do that; update messaging first if it offers to."


class StaleVersion(Refusal):
    """The record moved since the version that the change was made against."""

    code = "stale_version"
    default = "This was changed elsewhere; read it again, then change it."


class InvalidControl(Refusal):
    """No such control category, or it does not take that outcome."""

    code = "invalid_control"
    default = "That category does not take that outcome."


class NeedsLink(Refusal):
    """This exists only for accounts that are linked."""

    code = "needs_link"
    default = "Link an account of the other network first."


class NotAvailableInRegion(Refusal):
    """The upgrade is not rolled out in the account's region."""

    code = "not_available_in_region"
    default = "Updated messaging is not available in your region yet."


class AlreadyLinked(Refusal):
    """One of the two accounts is linked already."""

    code = "already_linked"
    default = "That account is linked already; unlink it first."


class WrongStart(Refusal):
    """The operator lets links start from the other network only."""

    code = "wrong_start"
    default = "Start the link from your account on the other network."


class ProofFailed(Refusal):
    """Control of the other account was not proven."""

    code = "proof_failed"
    default = "That did not prove that the other account is yours."


class Expired(Refusal):
    """The time in which this could be answered or undone is over."""

    code = "expired"
    default = "The time for this is over."


class HandleTaken(Refusal):
    """Another account of the network has this handle."""

    code = "handle_taken"
    default = "That handle is taken; choose another."


class RegistrationClosed(Refusal):
    """People may not register themselves on this hub."""

    code = "registration_closed"
    default = "This hub's operator creates the accounts; ask there."


class QuotaExceeded(Refusal):
    """A list is at its limit."""

    code = "quota_exceeded"
    default = "The list is full; remove something first."


class RateLimited(Refusal):
    """Too many calls of this kind; wait, then go on."""

    code = "rate_limited"
    temporary = True
    default = "That was too fast; wait a moment."


class Busy(Refusal):
    """The hub has as much waiting work as it takes."""

    code = "busy"
    temporary = True
    default = "The hub is busy; try again in a moment."


class StorageFull(Refusal):
    """The disk is full: nothing new is taken until there is room."""

    code = "storage_full"
    temporary = True
    default = "The hub's disk is full; nothing was changed. Try again later."


class Unavailable(Refusal):
    """The hub cannot reach what it needs to answer; nothing was changed."""

    code = "unavailable"
    temporary = True
    default = "The hub can't answer just now; nothing was changed. Try again."


class SignInFailed(BridgeError):
    """The credentials were not accepted; unknown user and wrong password read the same."""

    code = "sign_in_failed"
    default = "The sign-in was not accepted."


class Internal(Refusal):
    """The hub failed; what the client learns of a ``Fault``."""

    code = "internal"
    temporary = True
    default = "The hub failed to do this; nothing was acknowledged. Try again with the same token."


# --- the wire


class ProtocolError(BridgeError):
    """The peer broke the wire; the socket is closed with ``close_code``."""

    code = "protocol_error"
    close_code = 4500
    default = "The frame is not of this protocol."


class WrongFrameType(ProtocolError):
    """Text where the codec is binary, or the reverse."""

    code = "wrong_frame_type"
    close_code = 4501
    default = "This codec uses the other type of frame."


# --- ours


class Fault(BridgeError):
    """Ours; the client learns the code ``internal``, the log learns the cause."""

    code = "fault"
    temporary = True


class Stale(Fault):
    """A fact moved between load and commit; load again and decide again.

    Attributes:
        keys: The keys of the facts that moved, as the store names them.
    """

    code = "stale"

    def __init__(self, keys: tuple[object, ...] = ()) -> None:
        """Keep which facts moved."""
        super().__init__("A fact moved before the commit.")
        self.keys = keys


class CommitFailed(Fault):
    """The store could not keep the changes; none of them was kept."""

    code = "commit_failed"


class Unresolved(Fault):
    """The answer to a commit was lost; it is kept whole or not at all, and nothing of it was acknowledged."""

    code = "unresolved"


class CorruptStore(Fault):
    """What is on disk contradicts itself; nothing of it is served."""

    code = "corrupt_store"
    temporary = False


# --- setting up


class SetupError(BridgeError):
    """A command line, a setting or a file cannot be used as it is."""

    code = "setup"


class ConfigInvalid(SetupError):
    """A setting is unknown, of the wrong type or out of bounds."""

    code = "config_invalid"


class StoreLocked(SetupError):
    """Another hub has the database open for writing."""

    code = "store_locked"
    default = "Another hub uses this database; stop it first."


class StoreTooNew(SetupError):
    """A newer version of the product wrote this database."""

    code = "store_too_new"
    default = "This database was written by a newer version; upgrade isthmus."


class StoreNotEmpty(SetupError):
    """A restore needs a place without a database."""

    code = "store_not_empty"
    default = "There is a database already; restore into an empty place."


def all_errors(root: type[BridgeError] = BridgeError) -> Iterator[type[BridgeError]]:
    """Yield the tree's classes, root first: for tables, documentation and tests."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


class CloseCode:
    """Why a socket was closed. 4000–4499: come back. 4500–4999: do not, without a change."""

    GOING_AWAY = 1001  #: the hub stops; come back
    SLOW_READER = 4000  #: the send queue is full; come back with the cursor
    DRAINING = 4001  #: the hub is being replaced; come back, perhaps elsewhere
    HEARTBEAT_LOST = 4002  #: the peer fell silent; come back
    FAULT = 4003  #: the hub failed; come back
    PROTOCOL = 4500  #: the peer broke the wire
    WRONG_FRAME_TYPE = 4501  #: text for a binary codec or the reverse
    SIGN_IN_TIMEOUT = 4502  #: no sign-in in time
    SIGN_IN_FAILED = 4503  #: the sign-in was not accepted
    REVOKED = 4504  #: this device was signed out, or its account closed
    TOO_MANY = 4505  #: too many connections of this person or address

    @staticmethod
    def may_come_back(code: int) -> bool:
        """Say whether a client should reconnect after this close code."""
        return code < 4500 and code not in (1002, 1003, 1007, 1008, 1009, 1010)
