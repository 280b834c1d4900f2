"""``isthmus chat``: the terminal client."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bridge.cli.options import NO_OPTIONS, Common
from bridge.errors import Invalid


def chat(
    url: str = "ws://127.0.0.1:8765",
    /,
    *,
    network: Literal["direct", "messenger"] | None = None,
    handle: str | None = None,
    plain: Annotated[bool, Parameter(negative="")] = False,
    codec: Literal["json", "msgpack"] = "json",
    password_file: Path | None = None,
    token_file: Path | None = None,
    outbox: Path | None = None,
    forget: Annotated[bool, Parameter(negative="")] = False,
    common: Common = NO_OPTIONS,
) -> int:
    """Join a hub from this terminal: threads, requests, messages, links and controls, line by line.

    Args:
        url: The hub.
        network: Where your account lives.
        handle: Your name there; the password is asked for, unless
        password_file: A file holds it, or
        token_file: A file holds a device's token, as isthmus token mint prints it.
        outbox: Where to keep unsent messages; else in your state folder, for each account.
        plain: Lines only: for screen readers, pipes and simple terminals. So far the only way.
        codec: json or msgpack.
        forget: Keep no token and nothing unsent for next time.
        common: Options of every command.
    """
    from clients.terminal.plain import in_a_process

    if common.json:
        raise Invalid("A chat speaks in lines, for people. For programs: the SDK, or python -m clients.tap")
    if password_file is not None and token_file is not None:
        raise Invalid("Give --password-file or --token-file, not both.")
    return in_a_process(
        url,
        token_file=token_file,
        password_file=password_file,
        network=network,
        handle=handle,
        codec=codec,
        keep=not forget,
        outbox=outbox,
    )
