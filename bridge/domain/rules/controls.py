"""Setting message controls, and what a change would do."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from bridge.domain.controls import CATEGORIES, category_of, check, may_close, outcome_for, rows_of
from bridge.domain.model import Account, Controls
from bridge.domain.networks import NETWORKS
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.questions import Arrived
from bridge.domain.routing import as_the_receiver_knows, route
from bridge.domain.rules.hybrid import leave
from bridge.errors import StaleVersion
from bridge.ids import AccountId
from bridge.wire import replies
from bridge.wire.commands import SetControls
from bridge.wire.events import ControlsChanged
from bridge.wire.queries import GetControls, PreviewControls
from bridge.wire.values import Hybrid, OutcomeOf


def set_controls(scene: Scene, command: SetControls) -> Outcome:
    """Change controls in one write, made against a version; leaving hybrid messaging where that follows."""
    account = scene.own(command.as_)
    before = scene.facts.controls(account.id)
    check(account, is_linked(scene, account), command.controls)
    if command.if_version != before.version:
        raise StaleVersion(f"The controls are at version {before.version}.", path="$.if_version")
    after = changed(before, command.controls, command.keep_connected)
    outcome = Outcome(
        records=[after],
        told=[(ControlsChanged(account=account.id, version=after.version), (account.id,))],
        audit=[scene.note("set_controls", account.id, told_as(before, after))],
    )
    effects = replies.Effects()
    if leaves(account, after):
        left = leave(scene, account)
        outcome.records += left.records
        outcome.told += left.told
        outcome.audit += left.audit
        assert isinstance(left.reply, replies.Effects)
        effects = left.reply
    outcome.reply = replies.ControlsChanged(version=after.version, effects=effects)
    return outcome


def get_controls(scene: Scene, query: GetControls) -> replies.Controls:
    """Show an account's controls."""
    account = scene.own(query.as_)
    controls = scene.facts.controls(account.id)
    return replies.Controls(
        account=account.id,
        version=controls.version,
        keep_connected=controls.keep_connected,
        controls=tuple(rows_of(account, controls, is_linked(scene, account))),
    )


def looks_back(scene: Scene, query: PreviewControls) -> tuple[AccountId, int]:
    """Say whose past messages a preview needs, and since when; a change that cannot be has none."""
    account = scene.own(query.as_)
    check(account, is_linked(scene, account), query.controls)
    return account.id, scene.now - scene.policy.preview_s * 1000


def shut_by(scene: Scene, arrived: Arrived, query: PreviewControls) -> Arrived:
    """Name the category by which a change would refuse what came across by no control, if it would.

    What was accepted came so. Whose category it is rests on what the receiver knows, as in an explanation.
    """
    account = scene.own(query.as_)
    after = changed(scene.facts.controls(account.id), query.controls, query.keep_connected)
    if arrived.category or arrived.outcome is OutcomeOf.NONE or not may_close(after):
        return arrived
    way = route(scene.facts, scene.policy, arrived.sender, account.id, None)
    if not way.crosses:
        return arrived
    category = category_of(as_the_receiver_knows(way).sides)
    shuts = outcome_for(after, category) is OutcomeOf.NONE
    return replace(arrived, category=category.name) if shuts else arrived


def preview_controls(
    scene: Scene, query: PreviewControls, past: Iterable[Arrived]
) -> replies.ControlsPreview:
    """Show what a change would do: its effects, and how past messages would have fallen, by category only.

    Args:
        scene: What is known.
        query: The change.
        past: What came, each after ``shut_by``.
    """
    account = scene.own(query.as_)
    before = scene.facts.controls(account.id)
    check(account, is_linked(scene, account), query.controls)
    after = changed(before, query.controls, query.keep_connected)
    effects = replies.Effects()
    if leaves(account, after):
        left = leave(scene, account).reply
        assert isinstance(left, replies.Effects)
        effects = left
    categories = {category.name: category for category in CATEGORIES[account.network]}
    counts: dict[tuple[str, OutcomeOf, OutcomeOf], int] = {}
    for arrived in past:
        category = categories.get(arrived.category)
        if category is None:
            continue
        would_be = outcome_for(after, category)
        if would_be is OutcomeOf.REQUESTS and arrived.outcome is OutcomeOf.HIDDEN:
            would_be = OutcomeOf.HIDDEN  # the operator's score hid it, and would again
        if arrived.outcome is not would_be:
            key = (category.name, arrived.outcome, would_be)
            counts[key] = counts.get(key, 0) + arrived.messages
    moved = tuple(
        replies.Moved(category=name, was=was, would_be=would, messages=count)
        for (name, was, would), count in sorted(counts.items())
    )
    return replies.ControlsPreview(effects=effects, moved=moved)


def changed(before: Controls, outcomes: Mapping[str, str], keep_connected: bool | None) -> Controls:
    """Give the successor of a record of controls."""
    return replace(
        before,
        version=before.version + 1,
        outcomes={**before.outcomes, **outcomes},
        keep_connected=before.keep_connected if keep_connected is None else keep_connected,
    )


def leaves(account: Account, after: Controls) -> bool:
    """Say whether the controls leave hybrid messaging, as refusing the other network's strangers does."""
    control = NETWORKS[account.network].leaving_control
    if control is None or account.hybrid is not Hybrid.ON or after.keep_connected:
        return False
    return after.outcomes.get(control) == "none"


def told_as(before: Controls, after: Controls) -> str:
    """Say what a change changed, from what to what."""
    parts = [
        f"{name}: {before.outcomes.get(name, 'default')} → {outcome}"
        for name, outcome in after.outcomes.items()
        if before.outcomes.get(name) != outcome
    ]
    if before.keep_connected is not after.keep_connected:
        parts.append(f"keep_connected: {after.keep_connected}")
    return ", ".join(parts)


def is_linked(scene: Scene, account: Account) -> bool:
    """Say whether the account is linked to another."""
    return len(scene.facts.person_of(account.id).accounts) > 1
