"""Which subjects are wanted, and the subscriptions that follow."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

_PENDING_BYTES: Final = 4 * 2**20  # what may wait on one subscription before it counts as slow


class Interest:
    """What a node wants to hear; ``follow`` brings the subscriptions to it."""

    def __init__(self, wanted: Iterable[str], came: Callable[[Msg], Awaitable[None]]) -> None:
        """Want these subjects at first, and name who takes what comes."""
        self._came = came
        self._wanted: dict[str, None] = dict.fromkeys(wanted)
        self._changed: dict[str, None] = {}
        self._subscribed: dict[str, Subscription] = {}

    def __contains__(self, subject: object) -> bool:
        return subject in self._wanted

    def want(self, subject: str) -> None:
        """Want a subject from now on."""
        self._wanted[subject] = self._changed[subject] = None

    def drop(self, subject: str) -> None:
        """Want it no more."""
        if self._wanted.pop(subject, _ABSENT) is not _ABSENT:
            self._changed[subject] = None

    def begin(self) -> None:
        """Subscribe anew to everything: there is a new connection."""
        self._subscribed.clear()
        self._changed = dict(self._wanted)

    async def follow(self, client: Client) -> None:
        """Bring the subscriptions to what is wanted."""
        changed, self._changed = self._changed, {}
        for subject in changed:
            subscription = self._subscribed.get(subject)
            if subject in self._wanted and subscription is None:
                self._subscribed[subject] = await client.subscribe(
                    subject, cb=self._came, pending_bytes_limit=_PENDING_BYTES
                )
            elif subject not in self._wanted and subscription is not None:
                del self._subscribed[subject]
                await subscription.unsubscribe()


_ABSENT: Final = object()
