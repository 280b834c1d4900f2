"""Who may reach whom: the decision over one sender, one receiver and their thread.

The rules stand in one table, in the order in which they decide; the first that
applies does. Each is one function that answers with its decision or passes.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.domain.controls import Sides, category_of, may_close, outcome_for
from bridge.domain.facts import Facts
from bridge.domain.hold import HOLDS, Hold
from bridge.domain.model import Account, Controls, Decision, Member, Tie
from bridge.domain.policy import Policy
from bridge.ids import AccountId, Seq
from bridge.wire.values import AccountState, Consent, DecisionView, Hybrid, OutcomeOf

SELF_RULE: Final = "self"
NOT_DELIVERED: Final = "not_delivered"

# Each send looks at these; Python before 3.12 takes 70 ns to look a member of an enum up.
_ACTIVE: Final = AccountState.ACTIVE
_ON: Final = Hybrid.ON
_OFF: Final = Hybrid.OFF
_NEVER: Final = Hybrid.NEVER
_REQUESTS: Final = OutcomeOf.REQUESTS
_NOWHERE: Final = OutcomeOf.NONE
_OWN: Final = Hold.OWN
_FIRST: Final = Seq(1)

_LINKED: Final = "sender:linked"
_RESTRICTED: Final = Decision(outcome=OutcomeOf.REQUESTS, rule="restricted", facts=("you_restrict",))
_ACCEPTED: Final = Decision(outcome=OutcomeOf.INBOX, rule="accepted", facts=("you_accepted",))
_HIDDEN: Final = Decision(outcome=OutcomeOf.HIDDEN, rule="hidden_after_decline", facts=("you_declined",))
_RESTRICTED_BY_LINK: Final = replace(_RESTRICTED, facts=("you_restrict", _LINKED))
_HIDDEN_BY_LINK: Final = replace(_HIDDEN, facts=("you_declined", _LINKED))


class Route(Struct, frozen=True, kw_only=True):
    """One sender, one receiver, and the receiver's side of their thread.

    Attributes:
        facts: What is known.
        policy: What the operator decided.
        sender: The account that speaks.
        receiver: The account that is written to.
        senders: All accounts of the sender's person.
        receivers: All accounts of the receiver's person.
        crosses: Whether the route goes from one network to another.
        theirs: What the receiver's accounts have to do with the sender's.
        ours: What the sender's accounts have to do with the receiver's.
        side: The receiver's side of the standing thread, if there is one.
        blind: Whether to leave out what only the sender may know.
    """

    facts: Facts
    policy: Policy
    sender: Account
    receiver: Account
    senders: tuple[AccountId, ...]
    receivers: tuple[AccountId, ...]
    crosses: bool
    theirs: list[Tie]
    ours: list[Tie]
    side: Member | None
    blind: bool = False

    @property
    def tie(self) -> Tie | None:
        """What the receiving account itself has to do with the speaking one."""
        for tie in self.theirs:
            if tie.owner == self.receiver.id and tie.other == self.sender.id:
                return tie
        return None

    @property
    def sides(self) -> Sides:
        """Give what the control categories are computed from."""
        others = [self.facts.account(other) for other in self.receivers if other != self.receiver.id]
        twins = tuple(twin for twin in others if twin.network is not self.receiver.network)
        first = self.facts.message(self.side.thread, _FIRST) if self.side is not None else None
        began = first.at if first is not None else None
        return Sides(self.facts, self.sender, self.receiver, twins, began, self.blind)


def route(facts: Facts, policy: Policy, sender: AccountId, receiver: AccountId, side: Member | None) -> Route:
    """Gather what a decision looks at."""
    speaking, reading = facts.account(sender), facts.account(receiver)
    senders, receivers = facts.accounts_of(speaking), facts.accounts_of(reading)
    apart = speaking.person != reading.person  # what stands between accounts of one person sleeps
    return Route(
        facts=facts,
        policy=policy,
        sender=speaking,
        receiver=reading,
        senders=senders,
        receivers=receivers,
        crosses=speaking.network is not reading.network,
        theirs=facts.ties_between(receivers, senders) if apart else [],
        ours=facts.ties_between(senders, receivers) if apart else [],
        side=side,
    )


def as_the_receiver_knows(way: Route) -> Route:
    """Leave out what is the sender's or the operator's: blocks, contacts, links, hybrid, age, spam score.

    What a receiver asks about a sender rests on nothing else: else whoever is refused would ask, the other
    way round, whether it is a block; and whoever sends what is hidden, by another account, whether it is.
    """
    return replace(
        way,
        sender=replace(way.sender, hybrid=_ON, minor=way.receiver.minor, suspected=False),
        senders=(way.sender.id,),
        theirs=[_as_made(tie) for tie in way.theirs if tie.other == way.sender.id],
        ours=[],
        blind=True,
    )


def _is_self(way: Route) -> Decision | None:
    if way.sender.id in way.receivers:
        return _none(SELF_RULE)
    return None


def _is_not_active(way: Route) -> Decision | None:
    if way.receiver.state is not _ACTIVE:
        return _none("not_active", "receiver_state")
    return None


def _is_blocked(way: Route) -> Decision | None:
    for tie in way.theirs:
        if tie.blocks:
            return _none("blocked", "you_block")
    for tie in way.ours:
        if tie.blocks:
            return _none("blocked", "sender:blocks")
    return None


def _is_under_the_floor(way: Route) -> Decision | None:
    shut = way.policy.shut_networks
    if shut and (way.sender.network in shut or way.receiver.network in shut):
        return _none("floor", "shut_down")
    if way.crosses and way.policy.crossing_shut:
        return _none("floor", "shut_down")
    if way.policy.protect_minors and way.receiver.minor and not way.sender.minor and not _is_known(way):
        return _none("floor", "age")
    return None


def _has_left_hybrid(way: Route) -> Decision | None:
    if not way.crosses:
        return None
    mine, yours = way.receiver.hybrid, way.sender.hybrid
    if mine is yours is _ON:
        return None
    if mine is _OFF:
        return _none("left_hybrid", "you_left")
    if yours is _OFF:
        return _none("left_hybrid", "sender:left")
    if yours is _NEVER and not (way.side and way.side.sent):
        return _none("left_hybrid", "sender:not_upgraded")  # it may answer a crossing, not start one
    return None


def _closing(way: Route) -> Controls | None:
    """Give the receiver's controls if they may shut somebody of the other network out."""
    controls = way.facts.find_controls(way.receiver.id) if way.crosses else None
    return controls if controls is not None and may_close(controls) else None


def _is_closed(way: Route) -> Decision | None:
    controls = _closing(way)
    if controls is None:
        return None
    category = category_of(way.sides)
    if outcome_for(controls, category) is not OutcomeOf.NONE:
        return None
    return _none(f"closed:{category.name}", category.fact, category=category.name, version=controls.version)


def _is_restricted(way: Route) -> Decision | None:
    restricting = [tie for tie in way.theirs if tie.restricts]
    if not restricting:
        return None
    is_own = any(tie.restricts == _OWN and tie.other == way.sender.id for tie in restricting)
    return _RESTRICTED if is_own else _RESTRICTED_BY_LINK


def _is_accepted(way: Route) -> Decision | None:
    if way.side is not None and way.side.has_accepted:
        return _ACCEPTED
    return None


def _is_hidden_after_decline(way: Route) -> Decision | None:
    hiding = [tie for tie in way.theirs if tie.hides]
    if not hiding:
        return None
    is_own = any(tie.hides == _OWN and tie.other == way.sender.id for tie in hiding)
    return _HIDDEN if is_own else _HIDDEN_BY_LINK


def _is_in_the_graph(way: Route) -> Decision | None:
    tie = way.tie
    if tie is None:
        return None
    if tie.follows:
        return Decision(outcome=OutcomeOf.INBOX, rule="follows", facts=("you_follow",))
    if tie.friend:
        return Decision(outcome=OutcomeOf.INBOX, rule="friends", facts=("friend",))
    return None


def _is_controlled(way: Route) -> Decision | None:
    controls = way.facts.controls(way.receiver.id)
    category = category_of(way.sides)
    outcome = outcome_for(controls, category)
    if (
        outcome is OutcomeOf.INBOX
        and category.is_the_senders
        and way.side is not None
        and way.side.consent is not Consent.NONE
    ):
        outcome = OutcomeOf.REQUESTS  # what the sender does about itself never raises a standing request
    return Decision(
        outcome=outcome,
        rule=f"control:{category.name}",
        category=category.name,
        facts=(category.fact,),
        version=controls.version,
    )


Rule = Callable[[Route], Decision | None]
"""Decides, or passes."""

ORDER: Final[tuple[Rule, ...]] = (
    _is_self,
    _is_not_active,
    _is_blocked,
    _is_under_the_floor,
    _has_left_hybrid,
    _is_closed,
    _is_restricted,
    _is_accepted,
    _is_hidden_after_decline,
    _is_in_the_graph,
    _is_controlled,
)
"""The order of decision of domain section 3; the spam score comes after it, for requests only."""


def decide_route(way: Route, order: tuple[Rule, ...] = ORDER) -> Decision:
    """Decide where a message of the sender lands."""
    for rule in order:
        decision = rule(way)
        if decision is not None:
            break
    else:
        raise AssertionError("the last rule decides for anyone")
    if decision.outcome is _REQUESTS and way.sender.suspected and not _is_friend(way):
        return replace(decision, outcome=OutcomeOf.HIDDEN, facts=(*decision.facts, "spam"))
    return decision


def settle_route(facts: Facts, policy: Policy, sender: AccountId, side: Member) -> tuple[Route, Decision]:
    """Gather what a decision looks at, and decide: what a send to the owner of this side does.

    Where the receiver writes in the thread, too, and no category of its controls is asked for, nothing but
    what stands between the accounts decides: that conclusion is kept until any of it moves. All that is taken
    is kept alike, restricted or not, so that no sender's message is more work than another's.
    """
    if side.sent:
        kept: tuple[Route, Decision] | None = facts.conclusions.get((sender, side.account))
        if kept is not None and kept[0].policy is policy:
            return kept
    way = route(facts, policy, sender, side.account, side)
    if not side.has_accepted:
        weigh_all(way)
    decision = decide_route(way)
    if side.sent and decision.outcome is not _NOWHERE and _closing(way) is None:
        facts.conclusions[sender, side.account] = way, decision
    return way, decision


def weigh_all(way: Route) -> None:
    """Look at all that may decide over a stranger, so that what is loaded for it tells no cause."""
    way.facts.find_controls(way.receiver.id)
    category_of(way.sides)


def restricts(facts: Facts, owner: AccountId, other: AccountId) -> bool:
    """Say whether the person of one account restricts that of another, by whichever accounts."""
    owners, others = facts.person_of(owner).accounts, facts.person_of(other).accounts
    return any(tie.restricts for tie in facts.ties_between(owners, others))


def may_learn(facts: Facts, policy: Policy, side: Member, other: AccountId, *, lifting: bool = False) -> bool:
    """Say whether the other member may hear what this one reads, types and when it is online.

    Only where this one has visibly accepted or written, does not restrict the
    other, and the other could write to it now.

    Args:
        facts: What is known.
        policy: What the operator decided.
        side: The side of the one that may be heard.
        other: Who may hear.
        lifting: Whether a restriction that still stands is being lifted.
    """
    if not side.has_answered:
        return False
    if lifting:
        way = route(facts, policy, other, side.account, side)
        decision = decide_route(replace(way, theirs=[replace(tie, restricts=Hold.NO) for tie in way.theirs]))
    else:
        _, decision = settle_route(facts, policy, other, side)
    return decision.outcome is OutcomeOf.INBOX


def shown_to_receiver(decision: Decision) -> DecisionView:
    """Show a decision to the receiver, who must not learn what only the sender owns."""
    if any(fact.startswith("sender:") for fact in decision.facts):
        return DecisionView(outcome=decision.outcome, rule=NOT_DELIVERED)
    return DecisionView(
        outcome=decision.outcome,
        rule=decision.rule,
        category=decision.category or None,
        facts=decision.facts,
        controls_version=decision.version,
    )


def closed_reason(own: Account, other: Account, linked: bool, policy: Policy) -> str | None:
    """Say why an account cannot write to another; others' causes are never told."""
    crosses = own.network is not other.network
    if policy.shut_networks & {own.network, other.network} or (crosses and policy.crossing_shut):
        return "network_shut_down"
    if crosses and own.hybrid is Hybrid.OFF:
        return "left_hybrid" if linked else "unlinked"
    return None


def _as_made(tie: Tie) -> Tie:
    """Leave out what an unlink of the other side copied."""
    copied = [name for name in HOLDS if getattr(tie, name) == Hold.COPIED]
    return replace(tie, **dict.fromkeys(copied, Hold.NO)) if copied else tie


def _is_known(way: Route) -> bool:
    tie = way.tie
    return tie is not None and (tie.follows or tie.friend)


def _is_friend(way: Route) -> bool:
    return any(tie.friend for tie in way.theirs if tie.other == way.sender.id)


def _none(rule: str, fact: str = "", *, category: str = "", version: int = 0) -> Decision:
    return Decision(
        outcome=OutcomeOf.NONE, rule=rule, category=category, facts=(fact,) if fact else (), version=version
    )
