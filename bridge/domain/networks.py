"""The networks as data: what each can do, read by the rules, compared by nobody.

A network is a frozen record. Nobody outside this module asks which network an
account lives on in order to branch; they ask the record what it can do.
"""

import unicodedata
from typing import Final

from msgspec import Struct

from bridge.wire.values import Hybrid, Level, Network


class Capabilities(Struct, frozen=True, kw_only=True):
    """What one network can do.

    Attributes:
        network: Which.
        title: Its name for people.
        text_limit: The longest text, in user-perceived characters.
        graph: ``follow`` (one-way) or ``friend`` (two-way): the tie that opens the inbox.
        handle_mark: What people write before a handle.
        upgrade: Whether hybrid messaging must be taken first.
        leaving_control: The control category whose ``none`` also leaves hybrid messaging.
        replies: Whether replies work before the upgrade.
        files: Whether files can be sent as they are.
        captions: Whether media may carry a caption.
    """

    network: Network
    title: str
    text_limit: int
    graph: str
    handle_mark: str
    upgrade: bool
    leaving_control: str | None
    replies: bool
    files: bool
    captions: bool

    @property
    def starts_hybrid(self) -> Hybrid:
        """The hybrid state of a new account."""
        return Hybrid.NEVER if self.upgrade else Hybrid.ON


NETWORKS: Final[dict[Network, Capabilities]] = {
    Network.DIRECT: Capabilities(
        network=Network.DIRECT,
        title="Direct",
        text_limit=1_000,
        graph="follow",
        handle_mark="@",
        upgrade=True,
        leaving_control="others_on_messenger",
        replies=False,
        files=False,
        captions=False,
    ),
    Network.MESSENGER: Capabilities(
        network=Network.MESSENGER,
        title="Messenger",
        text_limit=20_000,
        graph="friend",
        handle_mark="",
        upgrade=False,
        leaving_control=None,
        replies=True,
        files=True,
        captions=True,
    ),
}


def can_reply(network: Network, hybrid: Hybrid) -> bool:
    """Say whether an account of this network and hybrid state can send and show replies."""
    return NETWORKS[network].replies or hybrid is Hybrid.ON


def seen_across(viewer: Network, network: Network, hybrid: Hybrid) -> Hybrid:
    """Say which hybrid state an account shows to one of this network.

    Where nothing crosses any more, whoever left looks as before: a departure is announced to nobody.
    """
    return Hybrid.ON if hybrid is Hybrid.OFF and viewer is not network else hybrid


def carried(own: Network, own_hybrid: Hybrid, other: Network, other_hybrid: Hybrid) -> dict[str, Level]:
    """Say what a 1:1 thread carries from the one side to the other, and how well.

    Only what this version can send is named; a capability that a thread does not
    name does not exist there. The other side decides nothing that is rejected: its
    upgrade is announced to nobody, and a client rests on what it was told before.
    """
    other_hybrid = seen_across(own, other, other_hybrid)
    shorter = NETWORKS[other].text_limit < NETWORKS[own].text_limit
    replies = Level.REJECTED
    if can_reply(own, own_hybrid):
        replies = Level.FULL if can_reply(other, other_hybrid) else Level.FALLBACK
    return {"text": Level.PARTIAL if shorter else Level.FULL, "reply": replies}


def handle_key(handle: str) -> str:
    """Give the form in which handles are compared: NFKC and case-folded (UAX #31, UTS #39 section 3)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", handle).casefold())
