"""Where a client stands in each journal: what it comes back with, and how it notices a hole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.errors import ProtocolError
from bridge.ids import AccountId
from bridge.wire.frames import PushFrame
from bridge.wire.replies import SignedIn
from bridge.wire.values import LegHead, LegState
from clients.errors import EventsMissed


@dataclass(frozen=True, slots=True)
class Place:
    """The newest event of one journal that the client has heard.

    Attributes:
        at: Its position.
        cursor: What to come back with.
    """

    at: int
    cursor: str


class Places:
    """The client's place in each of its journals; it outlives connections."""

    def __init__(self, known: Mapping[AccountId, Place] | None = None) -> None:
        """Start from what an earlier client knew, or from nothing."""
        self._places = dict(known or {})

    def __getitem__(self, account: AccountId) -> Place:
        """Tell the place in one journal."""
        return self._places[account]

    def known(self) -> dict[AccountId, Place]:
        """Copy all places, to keep them for a later client."""
        return dict(self._places)

    def cursors(self) -> tuple[str, ...]:
        """Say what a sign-in should carry."""
        return tuple(place.cursor for place in self._places.values())

    def begin(self, signed: SignedIn) -> tuple[AccountId, ...]:
        """Take over where the hub says that each journal goes on.

        Returns:
            The accounts whose threads must be read again.
        """
        legs = {leg.account for leg in signed.legs}
        self._places = {account: place for account, place in self._places.items() if account in legs}
        return tuple(leg.account for leg in signed.legs if self.add(leg))

    def add(self, leg: LegHead) -> bool:
        """Take over one journal; say whether its threads must be read again."""
        place = self._places.get(leg.account)
        if leg.state is LegState.RESUMED and place is not None and place.at <= leg.head:
            return False
        self._places[leg.account] = Place(leg.head, leg.cursor)
        return True

    def remove(self, account: AccountId) -> None:
        """Forget a journal that is no longer the caller's."""
        self._places.pop(account, None)

    def is_next(self, frame: PushFrame) -> bool:
        """Say whether a push is the next of its journal; ``False`` if it was heard before.

        Raises:
            EventsMissed: If there is a hole before it.
            ProtocolError: If it names its place only in part.
        """
        if frame.account is None or frame.at is None or frame.cursor is None:
            raise ProtocolError("A push with a place has account, at and cursor.")
        place = self._places.get(frame.account)
        if place is None:
            raise EventsMissed(f"An event of {frame.account}, which this session does not know.")
        if frame.at > place.at + 1:
            raise EventsMissed(f"{frame.account} jumps from {place.at} to {frame.at}.")
        return frame.at == place.at + 1

    def advance(self, frame: PushFrame) -> None:
        """Count the next event as heard."""
        assert frame.account is not None
        assert frame.at is not None
        assert frame.cursor is not None
        self._places[frame.account] = Place(frame.at, frame.cursor)

    def behind(self, heads: Iterable[LegHead]) -> dict[AccountId, int]:
        """Find the journals that the hub has further than the client: account to the client's position.

        A journal that only one side knows counts as behind, at -1.
        """
        by_account = {leg.account: leg for leg in heads}
        late = {
            account: place.at
            for account, place in self._places.items()
            if account in by_account and by_account[account].head > place.at
        }
        return late | {account: -1 for account in by_account.keys() ^ self._places.keys()}
