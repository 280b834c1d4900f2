"""The admin socket: an operator's orders to a running hub, over a Unix socket that only its owner may open.

Lines of JSON both ways. A request is ``{"v": 1, "order": {"do": …}}``; its answers are any number of
``{"progress": [done, total]}``, then one of ``{"ok": …}`` and ``{"error": {"code", "text", "path"}}``.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from bridge.errors import BridgeError, Busy, ConfigInvalid, Internal, Invalid, Unavailable
from bridge.hub.operator import Operator
from bridge.hub.orders import MAX_LINE, VERSION, AnyOrder, Order
from bridge.wire.faults import invalid

log = logging.getLogger("bridge.hub")

_MOST_AT_ONCE: Final = 16
_IDLE_S: Final = 60.0
_LONGEST_ADDRESS: Final = 100  # of a Unix socket, in bytes; the kernel's limit is a little more

_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Request(Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    order: Raw


def socket_path(database: str) -> Path:
    """Tell where the admin socket of a database's hub lies."""
    return Path(database + ".admin")


def read_order(data: Raw | bytes) -> AnyOrder:
    """Read an order.

    Raises:
        Invalid: If it is malformed; ``path`` says where.
    """
    try:
        order: AnyOrder = msgspec.json.decode(data, type=AnyOrder)
    except msgspec.ValidationError as wrong:
        raise invalid(wrong, Order) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Invalid("The line is not JSON.", path="$") from wrong
    return order


@asynccontextmanager
async def admin_socket(database: str, operator: Operator) -> AsyncIterator[None]:
    """Take orders beside a database as long as this is open; whoever opens it must own the database.

    Raises:
        ConfigInvalid: If the socket cannot be made.
    """
    desk = _Desk(operator)
    path = socket_path(database)
    with _bound(path) as listening:
        server = await asyncio.start_unix_server(desk.serve, sock=listening, limit=MAX_LINE)
        try:
            yield
        finally:
            server.close()
            await desk.close()
            path.unlink(missing_ok=True)


class _Desk:
    """Serves all who connect."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server runs this in a task"
        self._tasks.add(task)
        try:
            if len(self._tasks) > _MOST_AT_ONCE:
                writer.write(_refusal(Busy()))
            else:
                await self._talk(reader, writer)
            await writer.drain()
        except (ConnectionError, TimeoutError):
            pass  # whoever asked has gone; what was ordered is done or refused all the same
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """End all talks; orders under way end with them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: bytes) -> None:
            if not writer.is_closing():  # whoever asked may have gone: what was ordered is done all the same
                writer.write(line)

        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    line = await reader.readline()
            except ValueError:  # longer than the limit; what follows cannot be told apart
                say(_refusal(Invalid("The line is too long.", path="$")))
                return
            if not line:
                return
            try:
                order = _order(line)
                ok = await self._operator.do(order, lambda done, total: say(_progress(done, total)))
            except BridgeError as refused:
                say(_refusal(refused))
            except Exception:  # the boundary: whoever asked hears of it, and the cause is in the log
                log.exception("an order failed")
                say(_refusal(Internal("The hub failed to do this; its log says why. See what it did.")))
            else:
                log.info("the operator: %s", type(order).__name__)
                say(_encode({"v": VERSION, "ok": ok}) + b"\n")
            await writer.drain()


def _order(line: bytes) -> AnyOrder:
    try:
        request = msgspec.json.decode(line, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Invalid(
            'Expected a line such as {"v": 1, "order": {"do": "read_status"}}.', path="$"
        ) from wrong
    if request.v != VERSION:
        raise Invalid(f"This hub takes orders of version {VERSION}: use its own command line.", path="$.v")
    return read_order(request.order)


def _progress(done: int, total: int) -> bytes:
    return _encode({"v": VERSION, "progress": (done, total)}) + b"\n"


def _refusal(refused: BridgeError) -> bytes:
    body = {"code": refused.code, "text": refused.text, "path": refused.path, "temporary": refused.temporary}
    return _encode({"v": VERSION, "error": body}) + b"\n"


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """Bind a socket that only this user may open. A socket from before is nobody's: the database is ours."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listening:
        listening.setblocking(False)
        before = os.umask(0o177)
        try:
            with suppress(FileNotFoundError):
                path.unlink()
            with reachable(path) as address:
                listening.bind(address)
        except OSError as wrong:
            raise ConfigInvalid(
                f"The admin socket {path} can't be made: {wrong.strerror or wrong}."
            ) from wrong
        finally:
            os.umask(before)
        yield listening


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name of a socket that is short enough for the kernel, however deep the socket lies."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def orders_to(database: str) -> AsyncIterator["Orders | None"]:
    """Reach the hub that runs on a database; None if none does."""
    try:
        with reachable(socket_path(database)) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=64 * MAX_LINE)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        yield None
        return
    except OSError as wrong:
        raise Unavailable(
            f"{socket_path(database)}: {wrong.strerror}. Run this as the hub's user."
        ) from wrong
    try:
        yield Orders(reader, writer)
    finally:
        writer.close()


class Orders:
    """The asking side of an admin socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the connection."""
        self._reader = reader
        self._writer = writer

    async def ask(self, order: AnyOrder) -> AsyncIterator[dict[str, Any]]:
        """Send an order; give each line of the answer, the last one with ``ok`` or ``error``.

        Raises:
            Unavailable: If the hub stops before it answered; look before you ask again.
        """
        try:
            self._writer.write(_encode({"v": VERSION, "order": order}) + b"\n")
            await self._writer.drain()
            while line := await self._reader.readline():
                said: dict[str, Any] = msgspec.json.decode(line)
                yield said
                if "progress" not in said:
                    return
        except (ConnectionError, ValueError) as wrong:
            raise Unavailable(
                "The hub stopped before it answered; see what it did before you ask again."
            ) from wrong
        raise Unavailable("The hub stopped before it answered; see what it did before you ask again.")
