"""``isthmus chat``: the terminal client."""

import asyncio
from typing import Annotated, Literal

from cyclopts import Parameter

from bridge.cli.options import NO_OPTIONS, Common


def chat(
    url: str = "ws://127.0.0.1:8765",
    /,
    *,
    network: Literal["direct", "messenger"] | None = None,
    handle: str | None = None,
    plain: Annotated[bool, Parameter(negative="")] = False,
    codec: Literal["json", "msgpack"] = "json",
    forget: Annotated[bool, Parameter(negative="")] = False,
    common: Common = NO_OPTIONS,
) -> int:
    """Join a hub from this terminal: threads, requests, messages, links and controls, line by line.

    Args:
        url: The hub.
        network: Where your account lives.
        handle: Your name there; the password is asked for.
        plain: Lines only: for screen readers, pipes and simple terminals. So far the only way.
        codec: json or msgpack.
        forget: Do not keep the token for next time.
        common: Options of every command.
    """
    from clients.terminal.plain import chat as plain_chat

    return asyncio.run(plain_chat(url, network=network, handle=handle, codec=codec, keep_token=not forget))
