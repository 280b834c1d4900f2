"""Message controls: where a message from a given sender may land.

The categories of both networks, most specific first, as data. A control belongs
to the receiving account; which category a sender falls in is computed from the
sending account's network and from what the receiver's accounts know.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from bridge.domain.facts import Facts
from bridge.domain.model import Account, ContactList, Controls, Tie
from bridge.errors import InvalidControl, NeedsLink
from bridge.ids import AccountId, thread_of_pair
from bridge.wire.values import ControlView, Hybrid, Network, OutcomeOf


class Sides(Struct, frozen=True):
    """Who asks to reach whom.

    Attributes:
        facts: What is known.
        sender: The account that speaks.
        receiver: The account that is written to.
        twins: The receiver's accounts on other networks.
        began: When their thread began, in milliseconds since 1970; None if it did not.
        blind: Whether to leave out what only the sender may know.
    """

    facts: Facts
    sender: Account
    receiver: Account
    twins: tuple[Account, ...]
    began: int | None = None
    blind: bool = False


class Category(Struct, frozen=True):
    """One row of an account's message controls.

    Attributes:
        name: Its name on the wire.
        senders: The network of the senders that it is about; None: any.
        options: What it may be set to.
        default: What it is until it is set.
        needs_link: Whether it applies only to linked accounts.
        fact: The word for what put a sender in it; ``sender:`` before it if only the sender owns that fact.
        holds: Whether a sender is in it; None: whoever is in none before it.
    """

    name: str
    senders: Network | None
    options: tuple[str, ...]
    default: str
    needs_link: bool
    fact: str
    holds: Callable[[Sides], bool] | None

    @property
    def is_the_senders(self) -> bool:
        """Whether only the sender owns the fact that puts it here."""
        return self.fact.startswith("sender:")


def _has_chatted(facts: Facts, owner: AccountId, other: AccountId) -> bool:
    member = facts.find_member(thread_of_pair(owner, other), owner)
    return member is not None and member.sent > 0


def _friend_of_a_twin(sides: Sides) -> bool:
    return any(
        [
            _tie(sides, twin).friend | _has_chatted(sides.facts, twin.id, sides.sender.id)
            for twin in sides.twins
        ]
    )


def _followed_by_a_twin(sides: Sides) -> bool:
    return any(
        [
            _tie(sides, twin).follows | _has_chatted(sides.facts, twin.id, sides.sender.id)
            for twin in sides.twins
        ]
    )


def _follows_a_twin(sides: Sides) -> bool:
    return any(sides.facts.tie(sides.sender.id, twin.id).follows for twin in sides.twins)


def _follows(sides: Sides) -> bool:
    return sides.facts.tie(sides.sender.id, sides.receiver.id).follows


def _has_the_number(sides: Sides) -> bool:
    since = number_since(sides.facts.contacts(sides.sender.id), sides.receiver.phone)
    if since is None or not sides.receiver.phone:
        return False
    return sides.began is None or since <= sides.began  # an upload raises nothing that stands


def _friend_of_a_friend(sides: Sides) -> bool:
    return sides.facts.have_mutual_friend(sides.receiver.id, sides.sender.id)


def _friend_of_a_friend_of_a_twin(sides: Sides) -> bool:
    return any([sides.facts.have_mutual_friend(twin.id, sides.sender.id) for twin in sides.twins])


def _tie(sides: Sides, twin: Account) -> Tie:
    return sides.facts.tie(twin.id, sides.sender.id)


_STRANGER: Final = ("requests", "none")
_KNOWN: Final = ("inbox", "requests", "none")
_DIRECT, _MESSENGER = Network.DIRECT, Network.MESSENGER

CATEGORIES: Final[dict[Network, tuple[Category, ...]]] = {
    network: tuple(Category(*row) for row in rows)
    for network, rows in {
        _DIRECT: (
            ("messenger_friends", None, _KNOWN, "inbox", True, "friend_or_chatted_there", _friend_of_a_twin),
            ("followers", _DIRECT, _STRANGER, "requests", False, "follower", _follows),
            ("phone_contacts", None, _STRANGER, "requests", True, "sender:has_number", _has_the_number),
            ("messenger_friends_of_friends", _MESSENGER, _STRANGER, "requests", True, "mutual_friend",
             _friend_of_a_friend_of_a_twin),
            ("others_on_direct", _DIRECT, _STRANGER, "requests", False, "anyone", None),
            ("others_on_messenger", _MESSENGER, _STRANGER, "requests", False, "anyone", None),
        ),
        _MESSENGER: (
            ("direct_following", None, _KNOWN, "inbox", True, "followed_or_chatted_there",
             _followed_by_a_twin),
            ("phone_contacts", None, _KNOWN, "requests", False, "sender:has_number", _has_the_number),
            ("friends_of_friends", _MESSENGER, _KNOWN, "requests", False, "mutual_friend",
             _friend_of_a_friend),
            ("direct_followers", _DIRECT, _KNOWN, "requests", True, "follower_there", _follows_a_twin),
            ("others_on_messenger", _MESSENGER, _STRANGER, "requests", False, "anyone", None),
            ("others_on_direct", _DIRECT, _STRANGER, "requests", False, "anyone", None),
        ),
    }.items()
}  # fmt: skip
"""Whom a control is about, most specific first: the first that holds for a sender decides."""

GROUP_ADDS: Final = "group_adds"
GROUP_OPTIONS: Final[dict[Network, tuple[str, ...]]] = {
    Network.DIRECT: ("everyone", "following"),
    Network.MESSENGER: ("everyone", "friends"),
}
"""Who may add an account to a group; others' adds become invitations in requests."""


def category_of(sides: Sides) -> Category:
    """Find the most specific category that a sender is in.

    All that might hold are looked at before the first is taken, so that the
    time to an answer tells a sender nothing of the receiver's friends. An
    account that never upgraded takes all crossings through its last control.
    """
    crosses = sides.sender.network is not sides.receiver.network
    only_strangers = crosses and sides.receiver.hybrid is Hybrid.NEVER
    held = [
        category
        for category in CATEGORIES[sides.receiver.network]
        if category.senders in (None, sides.sender.network)
        and (category.holds is None or (category.holds(sides) and not only_strangers))
        and (bool(sides.twins) or not category.needs_link)
        and not (sides.blind and category.is_the_senders)
    ]
    return held[0]


def number_since(contacts: ContactList, phone: bytes) -> int | None:
    """Say since when a number is in somebody's contacts, None if it is not; 0: for long."""
    if isinstance(contacts.phones, dict):
        return contacts.phones.get(phone.hex())
    return 0 if phone in contacts.phones else None


def outcome_for(controls: Controls, category: Category) -> OutcomeOf:
    """Say where the messages of a category land."""
    return OutcomeOf(controls.outcomes.get(category.name, category.default))


def may_close(controls: Controls) -> bool:
    """Say whether any category closes crossings; if not, none need be found."""
    return not controls.keep_connected and "none" in controls.outcomes.values()


def rows_of(account: Account, controls: Controls, linked: bool) -> Iterator[ControlView]:
    """Show an account's controls, most specific first."""
    for category in CATEGORIES[account.network]:
        yield ControlView(
            category=category.name,
            outcome=controls.outcomes.get(category.name, category.default),
            options=category.options,
            available=linked or not category.needs_link,
        )
    options = GROUP_OPTIONS[account.network]
    yield ControlView(
        category=GROUP_ADDS, outcome=controls.outcomes.get(GROUP_ADDS, options[0]), options=options
    )


def check(account: Account, linked: bool, wanted: Mapping[str, str]) -> None:
    """See that a change of controls is possible.

    Raises:
        InvalidControl: If there is no such category, or it does not take the outcome.
        NeedsLink: If the category exists only for linked accounts.
    """
    rows = {row.category: row for row in rows_of(account, Controls(account=account.id), linked)}
    for name, outcome in wanted.items():
        row = rows.get(name)
        if row is None:
            raise InvalidControl(f"This account's categories are {', '.join(rows)}.", path="$.controls[...]")
        path = f"$.controls.{name}"
        if outcome not in row.options:
            raise InvalidControl(f"{name} takes one of: {', '.join(row.options)}.", path=path)
        if not row.available:
            raise NeedsLink(path=path)
