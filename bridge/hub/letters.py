"""What one hub writes to another: commands that it should decide, and its answers."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from bridge.errors import BridgeError, Fault, all_errors
from bridge.hub.work import Work
from bridge.ids import AccountId, DeviceId
from bridge.wire.commands import MarkDelivered, MarkRead, Send
from bridge.wire.replies import Reply

Carried = Send | MarkRead | MarkDelivered
"""What may be carried: said often, in one thread, and harmless if it is decided twice."""

KINDS: Final[tuple[type[Carried], ...]] = (Send, MarkRead, MarkDelivered)

LARGEST: Final = 512 * 1024
"""Bytes of letters after which another packet begins: with a letter of the largest frame it passes NATS."""

_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}
_ERRORS: Final = {error.code: error for error in all_errors()}
_NOTHING: Final = msgspec.Raw(b"\xc0")  # nil: the reader knows no field that may hold Raw or not
_encode: Final = msgspec.msgpack.Encoder().encode
_commands: Final = tuple(msgspec.msgpack.Decoder(kind) for kind in KINDS)
_replies: Final = tuple(msgspec.msgpack.Decoder(kind.reply) for kind in KINDS)


class Letter(Struct, array_like=True, frozen=True):
    """A command that is carried.

    Attributes:
        stream: Letters of one stream are decided in their order, or not at all.
        number: Its place in the stream, from 0.
        account: Who says it.
        device: At which device.
        kind: Which of ``KINDS`` the command is.
        command: The command.
    """

    stream: int
    number: int
    account: AccountId
    device: DeviceId
    kind: int
    command: msgspec.Raw


class Answer(Struct, array_like=True, frozen=True):
    """What became of a letter: a reply, a refusal, or neither: then whoever wrote it decides by himself.

    Attributes:
        stream: Of the letter.
        number: Of the letter.
        reply: The reply, or nil.
        refusal: The refusal's code, text and path.
    """

    stream: int
    number: int
    reply: msgspec.Raw = _NOTHING
    refusal: tuple[str, str, str | None] | None = None


class Mail(Struct, array_like=True):
    """What goes from hub to hub in one packet."""

    letters: Sequence[Letter] = ()
    answers: Sequence[Answer] = ()


_mail: Final = msgspec.msgpack.Decoder(Mail)


def letter(stream: int, number: int, work: Work) -> Letter:
    """Write a command down."""
    command = msgspec.Raw(_encode(work.command))
    return Letter(stream, number, work.account, work.device, _NUMBERS[type(work.command)], command)  # type: ignore[index]


def command_of(found: Letter) -> Carried:
    """Read a command.

    Raises:
        Fault: If there is no such command.
    """
    try:
        return _commands[found.kind].decode(found.command)
    except (msgspec.DecodeError, IndexError) as wrong:
        raise Fault(f"A letter can't be read: {wrong}") from wrong


def answer(stream: int, number: int, result: Reply | BridgeError) -> Answer:
    """Write down what became of a letter; what may pass is left to whoever wrote it."""
    if not isinstance(result, BridgeError):
        return Answer(stream, number, reply=msgspec.Raw(_encode(result)))
    if result.temporary:
        return Answer(stream, number)
    return Answer(stream, number, refusal=(result.code, result.text, result.path))


def result_of(found: Answer, work: Work) -> Reply | BridgeError | None:
    """Read what became of a work; None: it was not decided.

    Raises:
        Fault: If it makes no sense.
    """
    if found.refusal is not None:
        code, text, path = found.refusal
        kind = _ERRORS.get(code)
        return None if kind is None else kind(text, path=path)
    if found.reply == _NOTHING:
        return None
    try:
        return _replies[_NUMBERS[type(work.command)]].decode(found.reply)  # type: ignore[index]
    except msgspec.DecodeError as wrong:
        raise Fault(f"An answer can't be read: {wrong}") from wrong


def pack(letters: Sequence[Letter], answers: Sequence[Answer]) -> Iterator[bytes]:
    """Write packets, in order; none is larger than ``LARGEST`` but for its last letter."""
    some: list[Letter] = []
    size = 0
    for one in letters:
        some.append(one)
        size += len(one.command)
        if size >= LARGEST:
            yield _encode(Mail(some))
            some, size = [], 0
    if some or answers:
        yield _encode(Mail(some, answers))


def unpack(data: bytes) -> Mail:
    """Read a packet.

    Raises:
        Fault: If it was no hub of this version that wrote it.
    """
    try:
        return _mail.decode(data)
    except msgspec.DecodeError as wrong:
        raise Fault(f"Mail can't be read: {wrong}") from wrong
