"""Whether NATS answers: what its client raises where it is away, how a server shows that it has read all."""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

GONE: Final = (NatsError, OSError, TimeoutError, RuntimeError, TypeError, AttributeError)
"""What the client raises where NATS is away; of a transport that was lost uvloop says ``RuntimeError``, and
asyncio of Python 3.12 and 3.13 one of the last two."""
MUTE_S: Final = 3.0
"""NATS that answers nothing for so long is away: whoever signs in waits for it."""


async def has_read_all(client: Client, subject: str) -> bool:
    """Wait until the server has read all that was written; say whether it answers at all.

    Asking where nobody listens is answered at once, and in turn; the client's own ``flush`` is
    not: its ping overtakes subscriptions that wait in its buffer.
    """
    try:
        await client.request(subject, b"", timeout=MUTE_S)
    except TimeoutError:
        return False
    except GONE:  # nobody listens, as a rule
        return True
    return True
