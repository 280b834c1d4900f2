"""One command and one set of facts in, one outcome out: the door to all rules."""

from collections.abc import Callable
from typing import Any, Final

from bridge.domain.deeds import (
    ChangeAccount,
    CreateAccount,
    Deed,
    EraseAccount,
    PutDevice,
    SeeDevice,
    SetPassword,
)
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

RULES: Final[dict[type, Callable[[Scene, Any], Outcome]]] = {
    Send: messages.send,
    MarkDelivered: receipts.mark_delivered,
    MarkRead: receipts.mark_read,
    Typing: receipts.typing,
    OpenThread: threads.open_thread,
    Archive: threads.archive,
    Accept: requests.accept,
    Decline: requests.decline,
    SetControls: controls.set_controls,
    SetTie: graph.set_tie,
    AnswerTie: graph.answer_tie,
    UploadContacts: graph.upload_contacts,
    Link: links.link,
    AskLink: links.ask_link,
    AnswerLink: links.answer_link,
    UndoUnlink: unlink.undo_unlink,
    Unlink: unlink.unlink,
    SetLinkOptions: links.set_link_options,
    Upgrade: hybrid.upgrade,
    LeaveHybrid: hybrid.leave_hybrid,
    SetProfile: accounts.set_profile,
    DeleteAccount: accounts.delete_account,
    RestoreAccount: accounts.restore_account,
    CreateAccount: accounts.create_account,
    ChangeAccount: accounts.change_account,
    SetPassword: accounts.set_password,
    PutDevice: accounts.put_device,
    SeeDevice: accounts.see_device,
    EraseAccount: accounts.erase_account,
}
"""Which rule decides which command; a test holds it to the commands and deeds that there are."""


def decide(scene: Scene, command: Command | Deed) -> Outcome:
    """Apply the rules to one command.

    Raises:
        Refusal: If the call is malformed or not allowed; nothing of it is kept.
        Missing: If a fact is not in memory; load it and decide again.
    """
    return RULES[type(command)](scene, command)
