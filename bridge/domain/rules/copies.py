"""What unlinks made of a hold: copies at the accounts that they parted, which fall with it."""

from collections.abc import Iterable

from msgspec.structs import replace

from bridge.domain.facts import for_each
from bridge.domain.hold import Hold
from bridge.domain.model import Tie
from bridge.domain.outcome import Scene
from bridge.ids import AccountId


def falling(
    scene: Scene, owners: tuple[AccountId, ...], lifted: Iterable[AccountId], field: str
) -> list[Tie]:
    """Give the copies that fall when these owners lift a hold at some accounts.

    Unlinks spread it from those, over however many. What another of the owners' holds reaches the same way
    stays: that may be what it was copied from.
    """
    copies: dict[AccountId, list[Tie]] = {}
    held: frozenset[AccountId] = frozenset()
    reached = seen = frozenset(lifted)
    while reached := _parted(scene, reached) - seen:
        seen |= reached
        ties = [
            tie for tie in scene.facts.ties_between(owners, tuple(sorted(reached))) if getattr(tie, field)
        ]
        own = {tie.other for tie in ties if getattr(tie, field) == Hold.OWN}
        for tie in ties:
            if tie.other not in own:
                copies.setdefault(tie.other, []).append(tie)
        held |= own
        reached &= copies.keys()
    while held := _parted(scene, held) & copies.keys():
        for account in held:
            del copies[account]
    return [tie for ties in copies.values() for tie in ties]


def shown_again(scene: Scene, tie: Tie) -> list[Tie]:
    """Hide no more what follows in a thread: its owner took it up."""
    return [
        replace(one, hides=Hold.NO) for one in (tie, *falling(scene, (tie.owner,), (tie.other,), "hides"))
    ]


def _parted(scene: Scene, accounts: frozenset[AccountId]) -> frozenset[AccountId]:
    """Give all from whom unlinks parted any of these."""
    partings = for_each(sorted(accounts), scene.facts.unlinking)
    return frozenset(mate for parting in partings if parting is not None for mate in parting.others)
