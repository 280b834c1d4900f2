"""Every operation, asked by everyone: the owner, a linked account, a former one, a blocked one, a stranger.

A new operation without a row fails here.
"""

from typing import Any, Final

import pytest

from bridge.ids import DeviceId, Seq, ThreadId
from bridge.wire.codec import OPERATIONS
from bridge.wire.commands import (
    Accept,
    AnswerLink,
    AnswerTie,
    Archive,
    AskLink,
    Decline,
    DeleteAccount,
    LeaveHybrid,
    Link,
    MarkDelivered,
    MarkRead,
    OpenThread,
    RestoreAccount,
    Send,
    SetControls,
    SetLinkOptions,
    SetProfile,
    SetTie,
    Typing,
    UndoUnlink,
    Unlink,
    Upgrade,
    UploadContacts,
)
from bridge.wire.operation import Operation
from bridge.wire.queries import (
    CountUnread,
    Explain,
    FindAccount,
    GetControls,
    GetThread,
    History,
    ListLinkAsks,
    ListThreads,
    ListTies,
    PreviewControls,
    PreviewLeaveHybrid,
    PreviewSend,
    PreviewUnlink,
    Search,
    WhoIsHere,
)
from bridge.wire.sign_in import ChangePassword, ListDevices, Register, RevokeDevice, SignIn, SignOut
from bridge.wire.values import Network, TieKind
from tests.hub.house import ANA, BEN, CYD, DAN, EVE, FAY, PASSWORD, House
from tests.hub.talker import Frame, Talker

OTHERS: Final = ("stranger", "blocked", "ex-twin")
EVERYONE: Final = (*OTHERS, "twin", "owner")
WHO: Final = {"owner": ANA, "twin": DAN, "ex-twin": FAY, "blocked": CYD, "stranger": EVE}

MINE: Final = dict.fromkeys(OTHERS, "not_found") | {"twin": "ok", "owner": "ok"}
"""For the account's own sessions, be they of a linked account; nobody else learns that there is anything."""

ANYONE: Final = dict.fromkeys(EVERYONE, "ok")
"""For everybody, about what is his own: what the answers say is tested beside the codes."""

THREAD: Final = ThreadId("$thread")
DEVICE: Final = DeviceId("$device")

MATRIX: Final[list[tuple[Operation, dict[str, str]]]] = [
    # --- what concerns the sign-in
    (SignIn(token="nonsense"), dict.fromkeys(EVERYONE, "not_allowed")),
    (
        Register(network=Network.DIRECT, handle="new", name="New", password=PASSWORD),
        dict.fromkeys(EVERYONE, "not_allowed"),
    ),
    (SignOut(), ANYONE),
    (ListDevices(), ANYONE),
    (RevokeDevice(device=DEVICE), MINE),
    (ChangePassword(as_=ANA, old=PASSWORD, new=PASSWORD), MINE),
    # --- accounts and their relations
    (SetProfile(as_=ANA, name="Changed"), MINE),
    (SetTie(as_=ANA, account=BEN, tie=TieKind.RESTRICT), MINE),
    (AnswerTie(as_=ANA, account=EVE, tie=TieKind.FOLLOW, accept=True), MINE | {"owner": "not_found"}),
    (UploadContacts(as_=ANA, phones=("+4915112345678",)), MINE),
    (SetControls(as_=ANA, if_version=0, controls={"followers": "none"}), MINE | {"owner": "stale_version"}),
    (DeleteAccount(as_=ANA, password=PASSWORD), MINE),
    (RestoreAccount(as_=ANA), MINE | {"owner": "expired", "twin": "expired"}),
    # --- links
    (
        Link(as_=ANA, network=Network.MESSENGER, handle="fay", password=PASSWORD),
        MINE | {"owner": "already_linked", "twin": "already_linked"},
    ),
    (AskLink(as_=ANA, network=Network.MESSENGER, handle="fay"), MINE),
    (AnswerLink(as_=ANA, account=BEN, accept=True), MINE | {"owner": "expired", "twin": "expired"}),
    (Upgrade(as_=ANA), MINE),
    (LeaveHybrid(as_=ANA), MINE),
    (Unlink(as_=ANA), MINE | {"owner": "needs_link"}),
    (
        UndoUnlink(as_=ANA, network=Network.MESSENGER, handle="fay", password=PASSWORD),
        MINE | {"owner": "already_linked", "twin": "already_linked"},
    ),
    (SetLinkOptions(as_=ANA, sync_name=True), MINE),
    # --- threads
    (OpenThread(as_=ANA, account=BEN, confirm=True), MINE),
    (Send(thread=THREAD, text="mine?", token="t"), MINE),
    (Accept(threads=(THREAD,)), MINE),
    (Decline(threads=(THREAD,)), MINE),
    (Archive(threads=(THREAD,)), MINE),
    (MarkDelivered(thread=THREAD, upto=Seq(2)), MINE),
    (MarkRead(thread=THREAD, upto=Seq(2)), MINE),
    (Typing(thread=THREAD), MINE),
    # --- queries
    (FindAccount(account=ANA), ANYONE),
    (ListTies(as_=ANA, tie=TieKind.BLOCK), MINE),
    (GetControls(as_=ANA), MINE),
    (PreviewControls(as_=ANA, controls={"followers": "none"}), MINE),
    (Explain(as_=ANA, account=BEN), MINE),
    (ListLinkAsks(as_=ANA), MINE),
    (PreviewUnlink(as_=ANA), MINE),
    (PreviewLeaveHybrid(as_=ANA), MINE),
    (PreviewSend(thread=THREAD, text="hi"), MINE),
    (ListThreads(as_=ANA), MINE),
    (GetThread(thread=THREAD), MINE),
    (History(thread=THREAD), MINE),
    (Search(text="hello", thread=THREAD), MINE),
    (WhoIsHere(accounts=(BEN,)), ANYONE),
    (CountUnread(), ANYONE),
]


async def world(hub: House) -> ThreadId:
    """Let Ana have a thread with Ben, a twin, a former twin, somebody she blocks, and a stranger."""
    await hub.add(ANA, BEN, CYD, DAN, EVE, FAY)
    thread = await hub.acquaint(BEN, ANA)
    await hub.acquaint(CYD, ANA)
    await hub.link(ANA, FAY)
    await hub.hub.pipeline.do(ANA, Unlink(as_=FAY))
    await hub.link(ANA, DAN)
    await hub.tie(ANA, CYD, TieKind.BLOCK)
    await hub.hub.pipeline.do(ANA, SetProfile(as_=ANA, private=True))
    await hub.hub.pipeline.do(EVE, SetTie(as_=EVE, account=ANA, tie=TieKind.FOLLOW))
    return thread


def filled(call: Operation, thread: ThreadId, device: DeviceId) -> Operation:
    """Put the world's ids into a row's call."""
    from msgspec.structs import asdict, replace

    changes: dict[str, Any] = {}
    for name, value in asdict(call).items():
        if value == THREAD:
            changes[name] = thread
        elif value == (THREAD,):
            changes[name] = (thread,)
        elif value == DEVICE:
            changes[name] = device
    return replace(call, **changes)


async def code(talker: Talker, call: Any) -> str:
    """Give what a call comes to."""
    (answer,) = await talker.pipe(call)
    return str(answer["error"]["code"]) if "error" in answer else "ok"


def test_every_operation_has_its_row() -> None:
    assert sorted(call.op for call, _ in MATRIX) == sorted(OPERATIONS)
    assert all(set(row) == set(EVERYONE) for _, row in MATRIX)


@pytest.mark.parametrize(("call", "row"), MATRIX, ids=[call.op for call, _ in MATRIX])
async def test_an_operation_is_for_whom_its_row_says(
    hub: House, call: Operation, row: dict[str, str]
) -> None:
    thread = await world(hub)
    device = (await hub.sign_in(ANA))[1]["device"]
    await hub.device(ANA)
    heads = (await hub.hub.store.heads([ANA, BEN])).copy()  # type: ignore[attr-defined]  # a dict

    found = {}
    for role in EVERYONE:
        if role == "twin":
            assert await hub.hub.store.heads([ANA, BEN]) == heads, "nobody else moved anything"
        talker = await hub.join(WHO[role])
        found[role] = await code(talker, filled(call, thread, device))
        if role == "twin" and call.op in ("revoke_device", "change_password"):  # Ana was signed out
            await hub.device(ANA)
            device = (await hub.sign_in(ANA))[1]["device"]
            await hub.device(ANA)

    assert found == row


async def test_lists_and_searches_show_nobody_anything_of_others(hub: House) -> None:
    await world(hub)
    signed_in = {role: await hub.sign_in(account) for role, account in WHO.items()}
    devices: dict[str, set[str]] = {}
    legs: dict[str, set[str]] = {}
    hits: dict[str, int] = {}
    for role, (talker, _) in signed_in.items():
        listed: list[Frame] = (await talker.ask(ListThreads())).get("threads", [])
        legs[role] = {thread["leg"] for thread in listed}
        devices[role] = {
            account
            for device in (await talker.ask(ListDevices()))["devices"]
            for account in device["accounts"]
        }
        hits[role] = len((await talker.ask(Search(text=f"hello-{BEN}"))).get("messages", []))

    assert devices == {
        "owner": {ANA, DAN},
        "twin": {ANA, DAN},
        "ex-twin": {FAY},
        "blocked": {CYD},
        "stranger": {EVE},
    }
    assert legs == {"owner": {ANA}, "twin": {ANA}, "ex-twin": set(), "blocked": {CYD}, "stranger": set()}
    assert hits == {"owner": 2, "twin": 2, "ex-twin": 0, "blocked": 0, "stranger": 0}
    assert {role: [a["id"] for a in answer["accounts"]] for role, (_, answer) in signed_in.items()} == {
        "owner": [ANA, DAN],
        "twin": [DAN, ANA],
        "ex-twin": [FAY],
        "blocked": [CYD],
        "stranger": [EVE],
    }
