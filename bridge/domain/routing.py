"""Who may reach whom: the decision over one sender, one receiver and their thread.

The rules stand in one table, in the order in which they decide; the first that
applies does. Each is one function that answers with its decision or passes.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.domain.controls import Sides, category_of, may_refuse, outcome_for
from bridge.domain.facts import Facts
from bridge.domain.model import Account, Decision, Member
from bridge.domain.networks import NETWORKS
from bridge.domain.policy import Policy
from bridge.ids import AccountId
from bridge.wire.values import AccountState, Consent, DecisionView, Hybrid, OutcomeOf

SELF_RULE: Final = "self"
NOT_DELIVERED: Final = "not_delivered"


class Route(Struct, frozen=True, kw_only=True):
    """One sender, one receiver, and the receiver's side of their thread.

    Attributes:
        facts: What is known.
        policy: What the operator decided.
        sender: The account that speaks.
        receiver: The account that is written to.
        senders: All accounts of the sender's person.
        receivers: All accounts of the receiver's person.
        side: The receiver's side of the standing thread, if there is one.
    """

    facts: Facts
    policy: Policy
    sender: Account
    receiver: Account
    senders: tuple[AccountId, ...]
    receivers: tuple[AccountId, ...]
    side: Member | None

    @property
    def crosses(self) -> bool:
        """Say whether the route goes from one network to another."""
        return self.sender.network is not self.receiver.network

    @property
    def sides(self) -> Sides:
        """Give what the control categories are computed from."""
        twins = tuple(self.facts.account(other) for other in self.receivers if other != self.receiver.id)
        return Sides(self.facts, self.sender, self.receiver, twins)


def route(facts: Facts, policy: Policy, sender: AccountId, receiver: AccountId, side: Member | None) -> Route:
    """Gather what a decision looks at."""
    return Route(
        facts=facts,
        policy=policy,
        sender=facts.account(sender),
        receiver=facts.account(receiver),
        senders=facts.person_of(sender).accounts,
        receivers=facts.person_of(receiver).accounts,
        side=side,
    )


def _is_self(way: Route) -> Decision | None:
    if way.sender.id in way.receivers:
        return _none(SELF_RULE)
    return None


def _is_not_active(way: Route) -> Decision | None:
    if way.receiver.state is not AccountState.ACTIVE:
        return _none("not_active", "receiver_state")
    return None


def _is_blocked(way: Route) -> Decision | None:
    tie = way.facts.tie
    if any(tie(own, other).blocks for own in way.receivers for other in way.senders):
        return _none("blocked", "you_block")
    if any(tie(other, own).blocks for own in way.receivers for other in way.senders):
        return _none("blocked", "sender:blocks")
    return None


def _is_under_the_floor(way: Route) -> Decision | None:
    shut = way.policy.shut_networks
    if way.sender.network in shut or way.receiver.network in shut or (way.crosses and way.policy.crossing_shut):
        return _none("floor", "shut_down")
    if way.policy.protect_minors and way.receiver.minor and not way.sender.minor and not _is_known(way):
        return _none("floor", "age")
    return None


def _has_left_hybrid(way: Route) -> Decision | None:
    if not way.crosses:
        return None
    if way.receiver.hybrid is Hybrid.OFF:
        return _none("left_hybrid", "you_left")
    if way.sender.hybrid is Hybrid.OFF:
        return _none("left_hybrid", "sender:left")
    if way.sender.hybrid is Hybrid.NEVER and not (way.side and way.side.sent):
        return _none("left_hybrid", "sender:not_upgraded")  # it may answer a crossing, not start one
    return None


def _is_closed(way: Route) -> Decision | None:
    if not way.crosses:
        return None
    controls = way.facts.controls(way.receiver.id)
    if controls.keep_connected or not may_refuse(controls, way.receiver.network, way.sender.network):
        return None
    category = category_of(way.sides)
    if outcome_for(controls, category) is not OutcomeOf.NONE:
        return None
    return _none(f"closed:{category.name}", category.fact, category=category.name, version=controls.version)


def _is_restricted(way: Route) -> Decision | None:
    if restricts(way.facts, way.receivers, way.senders):
        return Decision(outcome=OutcomeOf.REQUESTS, rule="restricted", facts=("you_restrict",))
    return None


def _is_accepted(way: Route) -> Decision | None:
    if way.side is not None and way.side.has_accepted:
        return Decision(outcome=OutcomeOf.INBOX, rule="accepted", facts=("you_accepted",))
    return None


def _is_hidden_after_decline(way: Route) -> Decision | None:
    if any(way.facts.tie(own, other).hides for own in way.receivers for other in way.senders):
        return Decision(outcome=OutcomeOf.HIDDEN, rule="hidden_after_decline", facts=("you_declined",))
    return None


def _is_in_the_graph(way: Route) -> Decision | None:
    tie = way.facts.tie(way.receiver.id, way.sender.id)
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
        and category.fact.startswith("sender:")
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


ORDER: Final[tuple[Callable[[Route], Decision | None], ...]] = (
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


def decide_route(way: Route, order: tuple[Callable[[Route], Decision | None], ...] = ORDER) -> Decision:
    """Decide where a message of the sender lands."""
    decision = next(found for rule in order if (found := rule(way)) is not None)
    if decision.outcome is OutcomeOf.REQUESTS and way.sender.suspected and not _is_known(way):
        return replace(decision, outcome=OutcomeOf.HIDDEN, facts=(*decision.facts, "spam"))
    return decision


def restricts(facts: Facts, owners: tuple[AccountId, ...], others: tuple[AccountId, ...]) -> bool:
    """Say whether one person restricts another, by whichever accounts."""
    return any(facts.tie(own, other).restricts for own in owners for other in others)


def may_learn(facts: Facts, policy: Policy, side: Member, other: AccountId) -> bool:
    """Say whether the other member may hear what this one reads, types and when it is online.

    Only where this one has accepted or written, does not restrict the other, and
    the other could write to it now.
    """
    if not side.has_accepted:
        return False
    way = route(facts, policy, other, side.account, side)
    return decide_route(way).outcome is OutcomeOf.INBOX


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


def closed_reason(own: Account, other: Account, linked: bool) -> str | None:
    """Say why an account cannot write to another, if the cause is its own: others' causes are never told."""
    if own.network is other.network:
        return None
    if own.hybrid is Hybrid.OFF:
        return "left_hybrid" if linked or not NETWORKS[own.network].upgrade else "unlinked"
    return None


def rule_names() -> Iterator[str]:
    """Yield the names of all rules, without categories: for documentation and tests."""
    yield from (SELF_RULE, "not_active", "blocked", "floor", "left_hybrid", "closed", "restricted", "accepted")
    yield from ("hidden_after_decline", "follows", "friends", "control")


def _is_known(way: Route) -> bool:
    tie = way.facts.tie(way.receiver.id, way.sender.id)
    return tie.follows or tie.friend


def _none(rule: str, fact: str = "", *, category: str = "", version: int = 0) -> Decision:
    return Decision(
        outcome=OutcomeOf.NONE, rule=rule, category=category, facts=(fact,) if fact else (), version=version
    )
