"""Proof on the client's side that no message was lost, doubled, reordered or changed.

link 0 = SHA-256(thread id); link n = SHA-256(link n-1, seq as 8 bytes, id, sender,
digest n), where the id is ``thread/seq``. Links and digests are hex on the wire.
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.values import MessageView, ThreadView
from clients.errors import ChainBroken


def first_link(thread: ThreadId) -> bytes:
    """Begin a thread's chain."""
    return sha256(thread.encode()).digest()


def next_link(before: bytes, thread: ThreadId, seq: Seq, sender: AccountId, digest: bytes) -> bytes:
    """Continue a chain by one message."""
    name = f"{thread}/{seq}".encode()
    return sha256(before + seq.to_bytes(8, "big") + name + sender.encode() + digest).digest()


def check_page(messages: Iterable[MessageView]) -> None:
    """Prove that a page of messages, in either order, is one unbroken piece of its chain.

    Raises:
        ChainBroken: At the first message that does not fit.
    """
    page = sorted(messages, key=lambda message: message.seq)
    for before, after in pairwise(page):
        if after.seq != before.seq + 1:
            raise _broken(after, "does not follow the one before")
        _check(after, _bytes(before, before.link))
    if page and page[0].seq == 1:
        _check(page[0], first_link(page[0].thread))


class Chains:
    """The newest proven link of each thread that a client follows, as long as it hears all of its journal."""

    def __init__(self) -> None:
        """Know no thread."""
        self._tips: dict[ThreadId, tuple[int, bytes]] = {}
        self._legs: dict[ThreadId, AccountId] = {}

    def know(self, thread: ThreadView) -> None:
        """Trust the hub for where a thread stands at first; later it must agree with what was proven.

        Raises:
            ChainBroken: If it says otherwise than what was proven for the same message.
        """
        link = bytes.fromhex(thread.link) if thread.link else first_link(thread.id)
        known = self._tips.get(thread.id)
        if known is not None and known[0] == thread.tip and known[1] != link:
            raise ChainBroken("The thread's tip changed its link.", thread=thread.id, seq=thread.tip)
        if known is None or known[0] < thread.tip:
            self._tips[thread.id] = (thread.tip, link)
            self._legs[thread.id] = thread.leg

    def forget(self, leg: AccountId) -> None:
        """Follow an account's threads anew: what was said in them meanwhile is not told."""
        for thread in [thread for thread, own in self._legs.items() if own == leg]:
            del self._legs[thread], self._tips[thread]

    def hear(self, message: MessageView, leg: AccountId) -> None:
        """Prove a message that an account's journal told.

        Raises:
            ChainBroken: If it does not continue what is known; what follows is measured from here.
        """
        link = _bytes(message, message.link)
        known = self._tips.get(message.thread)
        if known is None and message.seq == 1:
            known = (0, first_link(message.thread))
        if known is not None and message.seq <= known[0]:
            if message.seq == known[0] and link != known[1]:
                raise _broken(message, "changed its link")
            return  # older than what is proven: history checks it against its neighbours
        self._tips[message.thread] = (message.seq, link)
        self._legs[message.thread] = leg
        if known is None:
            return  # joined in the middle: trusted once
        if message.seq != known[0] + 1:
            raise _broken(message, "does not follow the one before")
        _check(message, known[1])


def _check(message: MessageView, before: bytes) -> None:
    digest = _bytes(message, message.digest)
    link = next_link(before, message.thread, message.seq, message.sender, digest)
    if link != _bytes(message, message.link):
        raise _broken(message, "does not fit the chain")


def _bytes(message: MessageView, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _broken(message, "carries a link or digest that is not hex") from None


def _broken(message: MessageView, what: str) -> ChainBroken:
    return ChainBroken(
        f"Message {message.thread}/{message.seq} {what}.", thread=message.thread, seq=message.seq
    )
