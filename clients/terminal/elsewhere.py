"""Tells what a person wrote on other devices from what was typed here. Pure.

The hub tells every device of an own message alike. Those typed here are confirmed where they
were typed; the others are part of the talk and shown. Which is which is known once nothing
typed here is under way in the thread.
"""

from bridge.ids import ThreadId
from bridge.wire.values import MessageView
from clients.notices import SendSettled


class Elsewhere:
    """Own messages of which it is not known yet where they were typed."""

    def __init__(self) -> None:
        """Know of none."""
        self._held: dict[ThreadId, dict[int, MessageView]] = {}
        self._here: set[tuple[ThreadId, int]] = set()

    def hear(self, message: MessageView, *, under_way: bool) -> list[MessageView]:
        """Take an own message that was told; give those that are known now to be from elsewhere."""
        place = message.thread, message.seq
        if place in self._here:
            self._here.discard(place)
        else:
            self._held.setdefault(message.thread, {})[message.seq] = message
        return self._known(message.thread, under_way)

    def settle(self, notice: SendSettled, *, under_way: bool) -> list[MessageView]:
        """Take what became of a message typed here; give those that are known now to be from elsewhere."""
        if notice.seq is not None and self._held.get(notice.thread, {}).pop(notice.seq, None) is None:
            self._here.add((notice.thread, notice.seq))  # it is still to be told
        return self._known(notice.thread, under_way)

    def forget(self) -> None:
        """Forget all: what was not told yet will not be."""
        self._held.clear()
        self._here.clear()

    def _known(self, thread: ThreadId, under_way: bool) -> list[MessageView]:
        return [] if under_way else list(self._held.pop(thread, {}).values())
