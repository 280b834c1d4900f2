"""The bus of a single node: whoever subscribed hears the news at once."""

from collections.abc import Callable

from bridge.bus.base import News


class LocalBus:
    """Hands news to the subscribers within the same turn of the loop."""

    def __init__(self) -> None:
        """Begin without subscribers."""
        self._hear: list[Callable[[News], None]] = []

    def publish(self, news: News) -> None:
        """Hand news on at once."""
        for hear in self._hear:
            hear(news)

    def subscribe(self, hear: Callable[[News], None]) -> None:
        """Name who hears."""
        self._hear.append(hear)

    async def close(self) -> None:
        """Forget the subscribers."""
        self._hear.clear()
