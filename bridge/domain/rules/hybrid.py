"""Taking and leaving hybrid messaging: linked is not upgraded, and leaving is not unlinking."""

from msgspec.structs import replace

from bridge.domain.model import Account
from bridge.domain.networks import NETWORKS
from bridge.domain.outcome import Outcome, Scene
from bridge.errors import NeedsLink, NotAvailableInRegion, NotSupported
from bridge.wire.commands import LeaveHybrid, Upgrade
from bridge.wire.events import ControlsChanged, HybridChanged
from bridge.wire.queries import PreviewLeaveHybrid
from bridge.wire.replies import Effects, Reply
from bridge.wire.values import Hybrid


def upgrade(scene: Scene, command: Upgrade) -> Outcome:
    """Take hybrid messaging for all of the person's accounts; a stranger control of ``none`` opens again."""
    account = scene.own(command.as_)
    person = scene.facts.person_of(account.id)
    for own in map(scene.facts.account, person.accounts):
        _check(scene, own, is_linked=len(person.accounts) > 1)
    outcome = Outcome(reply=Effects())
    opened, reset = 0, []
    for own in map(scene.facts.account, person.accounts):
        if own.hybrid is Hybrid.ON:
            continue
        if own.hybrid is Hybrid.OFF:
            opened += scene.facts.own_threads(own.id).crossing
        outcome.records.append(replace(own, hybrid=Hybrid.ON))
        outcome.told.append((HybridChanged(account=own.id, hybrid=Hybrid.ON), (own.id,)))
        outcome.audit.append(scene.note("upgrade", own.id, f"{own.hybrid} → on"))
        reset += _open_strangers(scene, outcome, own)
    if outcome.records:
        outcome.records.append(person)  # all of its sessions look again: inboxes are merged now
    outcome.reply = Effects(threads_opened=opened, reset=tuple(reset))
    return outcome


def leave_hybrid(scene: Scene, command: LeaveHybrid) -> Outcome:
    """Leave hybrid messaging with all of the person's accounts; they stay linked."""
    return leave(scene, scene.own(command.as_))


def preview_leave_hybrid(scene: Scene, query: PreviewLeaveHybrid) -> Reply:
    """Show what leaving would do."""
    reply = leave(scene, scene.own(query.as_)).reply
    assert isinstance(reply, Reply)
    return reply


def leave(scene: Scene, account: Account) -> Outcome:
    """Close the person's cross-network threads: hybrid goes off, nothing else moves.

    Raises:
        NeedsLink: If the person has no account that could have taken the upgrade.
        NotSupported: If it never did.
    """
    accounts = [scene.facts.account(own) for own in scene.facts.person_of(account.id).accounts]
    if not any(NETWORKS[own.network].upgrade for own in accounts):
        raise NeedsLink("This account is linked to none that takes part in hybrid messaging.", path="$.as")
    if any(own.hybrid is Hybrid.NEVER for own in accounts):
        raise NotSupported("This account does not take part in hybrid messaging.", path="$.as")
    outcome = Outcome()
    closed = 0
    for own in accounts:
        if own.hybrid is not Hybrid.ON:
            continue
        closed += scene.facts.own_threads(own.id).crossing
        outcome.records.append(replace(own, hybrid=Hybrid.OFF))
        outcome.told.append((HybridChanged(account=own.id, hybrid=Hybrid.OFF), (own.id,)))
        outcome.audit.append(scene.note("leave_hybrid", own.id, "on → off"))
    outcome.reply = Effects(
        threads_closed=closed, leaves_hybrid=bool(outcome.records), in_flight=scene.in_flight
    )
    return outcome


def _check(scene: Scene, own: Account, *, is_linked: bool) -> None:
    if own.hybrid is Hybrid.ON:
        return
    if not is_linked and NETWORKS[own.network].upgrade:
        raise NeedsLink("Link an account of the other network, then update messaging.", path="$.as")
    regions = scene.policy.upgrade_regions
    if NETWORKS[own.network].upgrade and regions is not None and own.region not in regions:
        raise NotAvailableInRegion(path="$.as")


def _open_strangers(scene: Scene, outcome: Outcome, own: Account) -> list[str]:
    """Set a stranger control that left hybrid messaging back to requests."""
    control = NETWORKS[own.network].leaving_control
    before = scene.facts.controls(own.id)
    if control is None or before.outcomes.get(control) != "none":
        return []
    after = replace(before, version=before.version + 1, outcomes={**before.outcomes, control: "requests"})
    outcome.records.append(after)
    outcome.told.append((ControlsChanged(account=own.id, version=after.version), (own.id,)))
    return [control]
