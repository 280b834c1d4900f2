"""Accounts as such: how they appear, how they are made, deleted and taken back, and their devices."""

from msgspec.structs import replace

from bridge.domain.deeds import ChangeAccount, CreateAccount, EraseAccount, PutDevice, SeeDevice, SetPassword
from bridge.domain.facts import for_each
from bridge.domain.model import Account, ContactList, Credential, Device, Person
from bridge.domain.networks import NETWORKS, handle_key
from bridge.domain.outcome import Outcome, Scene, is_usable
from bridge.domain.rules.graph import phone_hash
from bridge.domain.rules.unlink import part
from bridge.domain.views import own_account_view
from bridge.errors import Expired, HandleTaken, Invalid, NotFound, NotSupported, ProofFailed
from bridge.ids import AccountId, home_of
from bridge.wire.commands import DeleteAccount, RestoreAccount, SetProfile
from bridge.wire.events import AccountStateChanged, ProfileChanged
from bridge.wire.replies import Done, Profile
from bridge.wire.values import AccountState

_ID_LENGTH = 8


def set_profile(scene: Scene, command: SetProfile) -> Outcome:
    """Change how an account appears; what the person syncs changes on its other accounts too."""
    own = scene.own(command.as_)
    if command.handle is not None:
        check_handle(scene, own, command.handle)
    wanted = {
        "handle": command.handle,
        "name": command.name,
        "picture": command.picture,
        "private": command.private,
        "shows_typing": command.shows_typing,
        "shows_presence": command.shows_presence,
        "shows_receipts": command.shows_receipts,
    }
    after = replace(own, **{field: value for field, value in wanted.items() if value is not None})
    person = scene.facts.person_of(own.id)
    outcome = Outcome(reply=Profile(account=own_account_view(after, person)))
    if after == own:
        return outcome
    changed = [after]
    for other in map(scene.facts.account, person.accounts):
        if other.id != own.id and (person.sync_name or person.sync_picture):
            name = after.name if person.sync_name else other.name
            picture = after.picture if person.sync_picture else other.picture
            if (name, picture) != (other.name, other.picture):
                changed.append(replace(other, name=name, picture=picture))
    for account in changed:
        outcome.records.append(account)
        outcome.told.append((ProfileChanged(account=own_account_view(account, person)), (account.id,)))
    return outcome


def delete_account(scene: Scene, command: DeleteAccount) -> Outcome:
    """Make an account unreachable now; its content goes after the grace time."""
    own = scene.own(command.as_)
    if own.id not in scene.proven:
        raise ProofFailed("That is not this account's password; nothing was deleted.", path="$.password")
    erase_at = scene.now + scene.policy.erase_grace_s * 1000
    after = replace(own, state=AccountState.DEACTIVATED, erase_at=erase_at if is_usable(own) else -erase_at)
    return _state_changed(scene, after, "delete_account")


def is_due(account: Account, now: int) -> bool:
    """Say whether an account is to be erased by now."""
    return 0 < abs(account.erase_at) <= now


def restore_account(scene: Scene, command: RestoreAccount) -> Outcome:
    """Take back a deletion in time."""
    own = scene.own(command.as_)
    if own.erase_at == 0 or own.erase_at < scene.now:
        raise Expired("There is no deletion to take back.", path="$.as")
    return _state_changed(scene, replace(own, state=AccountState.ACTIVE, erase_at=0), "restore_account")


def create_account(scene: Scene, deed: CreateAccount) -> Outcome:
    """Make an account, alone in its person."""
    name = deed.account or AccountId("a" + scene.chance(_ID_LENGTH).hex())
    account = Account(
        id=name,
        network=deed.network,
        handle=deed.handle,
        name=deed.name,
        person=home_of(name),
        hybrid=NETWORKS[deed.network].starts_hybrid,
        region=deed.region,
        phone=phone_hash(scene.phone_key, deed.phone) if deed.phone else b"",
        private=deed.private,
        professional=deed.professional,
        minor=deed.minor,
    )
    check_handle(scene, account, deed.handle)
    person = Person(id=account.person, accounts=(name,))
    return Outcome(
        reply=Profile(account=own_account_view(account, person)),
        records=[account, person, Credential(account=name, password=deed.password)],
        audit=[scene.note("create_account", name, f"on {deed.network}")],
    )


def change_account(scene: Scene, deed: ChangeAccount) -> Outcome:
    """Change what only the operator may."""
    own = scene.facts.find_account(deed.account)
    if own is None:
        raise NotFound("There is no such account.", path="$.account")
    if own.state is AccountState.DELETED:
        raise NotSupported("A deleted account stays deleted; its handle is free.", path="$.account")
    wanted = {
        "region": deed.region,
        "phone": None
        if deed.phone is None
        else phone_hash(scene.phone_key, deed.phone)
        if deed.phone
        else b"",
        "professional": deed.professional,
        "minor": deed.minor,
        "suspected": deed.suspected,
        "state": deed.state,
    }
    changes = {field: value for field, value in wanted.items() if value is not None}
    after = replace(own, **changes)
    if deed.state is AccountState.ACTIVE:
        after = replace(after, erase_at=0)  # a deletion is taken back with it: nobody erases what is in use
    if deed.state is AccountState.DEACTIVATED:
        after = replace(after, erase_at=-abs(own.erase_at))  # nor does its owner by a deletion that waits
    outcome = _state_changed(scene, after, "change_account")
    outcome.audit = [scene.note("change_account", own.id, ", ".join(changes))]
    return outcome


def set_password(scene: Scene, deed: SetPassword) -> Outcome:
    """Replace a password; every device of the account but the one that did it is signed out."""
    own = scene.facts.find_account(deed.account)
    if own is None or own.state is AccountState.DELETED:
        raise NotFound("There is no such account.", path="$.account")
    _check_proof(scene, deed.account, deed.proven)
    revoked = [device for device in _all_signed_out(scene, deed.account) if device.id != deed.keep]
    return Outcome(
        records=[Credential(account=deed.account, password=deed.password), *revoked],
        audit=[scene.note("set_password", deed.account)],
    )


def put_device(scene: Scene, deed: PutDevice) -> Outcome:
    """Keep a device's state.

    Raises:
        ProofFailed: If the password by which it signs in was changed meanwhile.
    """
    _check_proof(scene, deed.device.account, deed.proven)
    device = _signed_out(deed.device) if deed.device.revoked else deed.device
    deed_name = "revoke_device" if device.revoked else "sign_in"
    return Outcome(records=[device], audit=[scene.note(deed_name, device.account, f"device {device.id}")])


def see_device(scene: Scene, deed: SeeDevice) -> Outcome:
    """Note when a device was here last."""
    device = scene.facts.find_device(deed.device)
    if device is None or device.revoked or deed.at <= device.seen_at:
        return Outcome()
    return Outcome(records=[replace(device, seen_at=deed.at)])


def erase_account(scene: Scene, deed: EraseAccount) -> Outcome:
    """Leave of an account only its id and its links in chains; whoever was linked to it is not any more."""
    own = scene.facts.find_account(deed.account)
    if own is None:
        raise NotFound("There is no such account.", path="$.account")
    if deed.due and not is_due(own, scene.now):
        raise Expired("There is no deletion whose time has come.", path="$.account")
    parted, person = Outcome(), scene.facts.person_of(own.id)
    if rest := tuple(other for other in person.accounts if other != own.id):
        part(scene, parted, person, own.id, rest, None)
        own = next(one for one in parted.records if isinstance(one, Account) and one.id == own.id)
    after = replace(
        own, state=AccountState.DELETED, handle=own.id, name="", picture="", phone=b"", region="", erase_at=0
    )
    outcome = _state_changed(scene, after, "erase_account")
    outcome.records = [
        *parted.records,
        after,
        Credential(account=own.id, password=""),
        ContactList(account=own.id),
        *_all_signed_out(scene, own.id),
    ]
    outcome.told += parted.told
    return outcome


def _check_proof(scene: Scene, account: AccountId, proven: str) -> None:
    if proven and scene.facts.password(account) != proven:
        raise ProofFailed("The password was changed meanwhile.")


def _all_signed_out(scene: Scene, account: AccountId) -> list[Device]:
    """Sign all devices of an account out, also one that came a moment ago."""
    devices = for_each(scene.facts.signed_in(account), scene.facts.find_device)
    return [_signed_out(device) for device in devices if device is not None]


def _signed_out(device: Device) -> Device:
    """Take a device's sign-in away, and its name, which nobody is shown any more."""
    return replace(device, revoked=True, name="")


def check_handle(scene: Scene, own: Account, handle: str) -> None:
    """See that a handle can be used.

    Raises:
        HandleTaken: If another account has it, however written.
        Invalid: If nothing of it is left to compare, white space is in it, or it begins with the sign that
            people put before handles.
    """
    if handle_key(handle).startswith("@"):
        raise Invalid("A handle is kept without the @ that people write before it.", path="$.handle")
    if not handle_key(handle) or any(character.isspace() for character in handle):
        raise Invalid("A handle has no spaces.", path="$.handle")
    owner = scene.facts.handle_owner(own.network, handle)
    if owner is not None and owner != own.id:
        raise HandleTaken(path="$.handle")


def _state_changed(scene: Scene, after: Account, deed: str) -> Outcome:
    person = scene.facts.person_of(after.id)
    before = scene.facts.account(after.id)
    moves = (after.state, is_usable(after)) != (before.state, is_usable(before))
    is_news = len(person.accounts) > 1 and moves
    view = own_account_view(after, person)
    shows = view != own_account_view(before, person)  # suspicion, for one, does not
    return Outcome(
        reply=Done(),
        records=[after, person] if is_news else [after],  # all of the person's sessions look again
        told=[(AccountStateChanged(account=view), (after.id,))] if shows else [],
        audit=[scene.note(deed, after.id, f"state {after.state}")],
    )
