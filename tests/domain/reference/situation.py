"""Turns a row of the reference table into a little world of the model."""

from tests.domain.reference.fixture import OTHER_NETWORK, Party, Row, Tie
from tests.domain.reference.model import Model, Seat


def world_of(row: Row) -> Model:
    """Build the situation of a row; its accounts are named S, R and, where linked, S2 and R2."""
    model = Model()
    for name, party in (("S", row.sender), ("R", row.receiver)):
        _add(model, name, party, twin=party.linked and not row.same_person)
    if row.same_person:
        model.persons["S"] = model.persons["R"] = frozenset({"S", "R"})
    for tie in row.ties:
        _tie(model, tie)
    if row.floor:
        model.floors.add(("S", "R"))
    _seat(model, row)
    return model


def _add(model: Model, name: str, party: Party, *, twin: bool) -> None:
    model.add_account(name, party.network, private=party.private)
    account = model.accounts[name]
    account.hybrid, account.state, account.keep_connected = party.hybrid, party.state, party.keep_connected
    account.controls.update(party.controls)
    if twin:
        model.add_account(f"{name}2", OTHER_NETWORK[party.network])
        model.link(name, f"{name}2")


def _tie(model: Model, tie: Tie) -> None:
    a, b = tie.a, tie.b
    match tie.verb:
        case "follows":
            # Two accounts of one person may follow each other, so this goes past the commands' own checks.
            model.follows.add((a, b))
        case "friends":
            model.befriend(a, b)
        case "mutual friend":
            model.add_account("friend of both", "messenger")
            model.befriend(a, "friend of both")
            model.befriend(b, "friend of both")
        case "blocks":
            model.blocks.add((a, b))
        case "restricts":
            model.restrictions.add((a, b))
        case "has number of":
            model.add_contact(a, b)
        case "got number of":
            model.contacts.add((a, b))
            model.late.add((a, b))
        case "declined":
            model.hiding.add((a, b))
        case "chatted with":
            seats = {a: Seat("inbox", "accepted", said=1), b: Seat("requests", "pending")}
            model.threads[frozenset({a, b})] = seats
        case other:
            raise ValueError(f"unknown tie: {other}")


FOLDERS_AND_CONSENTS = {
    "landed": ("inbox", "none"),
    "request": ("requests", "pending"),
    "hidden": ("hidden", "pending"),
    "declined": ("requests", "declined"),
    "accepted": ("inbox", "accepted"),
}


def _seat(model: Model, row: Row) -> None:
    standing = row.thread
    if standing.state in ("none", "new"):
        return
    said = {name: int(name in standing.wrote) for name in ("S", "R")}
    if standing.state == "archived":
        consent = "accepted" if standing.accepted or said["R"] else "pending"
        folder = "archived"
    else:
        folder, consent = FOLDERS_AND_CONSENTS[standing.state]
    seen = consent == "accepted" and standing.visible
    covered = ("R", "S") in model.restrictions
    model.threads[frozenset({"S", "R"})] = {
        "S": Seat("inbox", "accepted", said["S"], acceptance_seen=True),
        "R": Seat(folder, consent, said["R"], acceptance_seen=seen, covered=covered),
    }
