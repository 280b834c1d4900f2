"""One command and one set of facts in, one outcome out: the door to all rules."""

from typing import assert_never

from bridge.domain.deeds import ChangeAccount, CreateAccount, Deed, EraseAccount, PutDevice, SetPassword
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.rules import (
    accounts,
    controls,
    graph,
    hybrid,
    links,
    messages,
    receipts,
    requests,
    threads,
    unlink,
)
from bridge.wire.commands import (
    Accept,
    AnswerLink,
    AnswerTie,
    Archive,
    AskLink,
    Command,
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


def decide(scene: Scene, command: Command | Deed) -> Outcome:
    """Apply the rules to one command.

    Raises:
        Refusal: If the call is malformed or not allowed; nothing of it is kept.
        Missing: If a fact is not in memory; load it and decide again.
    """
    match command:
        case Send():
            return messages.send(scene, command)
        case MarkDelivered():
            return receipts.mark_delivered(scene, command)
        case MarkRead():
            return receipts.mark_read(scene, command)
        case Typing():
            return receipts.typing(scene, command)
        case OpenThread():
            return threads.open_thread(scene, command)
        case Archive():
            return threads.archive(scene, command)
        case Accept():
            return requests.accept(scene, command)
        case Decline():
            return requests.decline(scene, command)
        case SetControls():
            return controls.set_controls(scene, command)
        case SetTie():
            return graph.set_tie(scene, command)
        case AnswerTie():
            return graph.answer_tie(scene, command)
        case UploadContacts():
            return graph.upload_contacts(scene, command)
        case Link():
            return links.link(scene, command)
        case AskLink():
            return links.ask_link(scene, command)
        case AnswerLink():
            return links.answer_link(scene, command)
        case UndoUnlink():
            return unlink.undo_unlink(scene, command)
        case Unlink():
            return unlink.unlink(scene, command)
        case SetLinkOptions():
            return links.set_link_options(scene, command)
        case Upgrade():
            return hybrid.upgrade(scene, command)
        case LeaveHybrid():
            return hybrid.leave_hybrid(scene, command)
        case SetProfile():
            return accounts.set_profile(scene, command)
        case DeleteAccount():
            return accounts.delete_account(scene, command)
        case RestoreAccount():
            return accounts.restore_account(scene, command)
        case CreateAccount():
            return accounts.create_account(scene, command)
        case ChangeAccount():
            return accounts.change_account(scene, command)
        case SetPassword():
            return accounts.set_password(scene, command)
        case PutDevice():
            return accounts.put_device(scene, command)
        case EraseAccount():
            return accounts.erase_account(scene, command)
        case _:
            assert_never(command)
