"""What people may ask, as calls: each is chosen by three numbers, and most make sense most of the time."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct, field

from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.wire import commands as c
from bridge.wire import queries as q
from bridge.wire import sign_in as s
from bridge.wire.calls import AnyCall
from bridge.wire.values import Folder, Network, TieKind
from tests.hub.house import PASSWORD

NAMES: Final = ("ann", "bob", "eve", "annm", "bobm", "dan")
"""Three on Direct, three on Messenger; Ann and Bob live on both."""

CATEGORIES: Final = ("others_on_messenger", "others_on_direct", "phone_contacts", "followers", "no_such_one")
TEXTS: Final = (
    "hello world",
    "Hello again",
    "Café ＡＢＣ",
    "日本語のテキスト",
    "👍 nice",
    "x" * 1_200,
    "no",
    " ",
)
SOUGHT: Final = ("hello", "hel wor", "cafe", "本語", "👍", "nice hel", "zzz", "x", " ")
WORDS: Final = ("none", "requests", "inbox", "elsewhere")


class People(Struct):
    """Who there is in one life, and what their clients have learned.

    Attributes:
        number: Which life: all names begin with it, since the hubs live on.
        versions: The newest version of their controls, by account.
        said: How many tokens were used.
        partners: With whom each has a thread.
    """

    number: int
    versions: dict[AccountId, int] = field(default_factory=dict)
    said: int = 0
    partners: dict[int, list[int]] = field(default_factory=lambda: {at: [] for at in range(len(NAMES))})

    def account(self, at: int) -> AccountId:
        """Give an account."""
        return AccountId(f"a{self.number}-{NAMES[at % len(NAMES)]}")

    def handle(self, at: int) -> str:
        """Give an account's first handle."""
        return f"{NAMES[at % len(NAMES)]}{self.number}"

    def network(self, at: int) -> Network:
        """Say where an account lives."""
        return Network.DIRECT if at % len(NAMES) < 3 else Network.MESSENGER

    def phone(self, at: int) -> str:
        """Give an account's number."""
        return f"+1555{self.number:05}{at % len(NAMES)}"

    def thread(self, own: int, at: int) -> ThreadId:
        """Give the thread of two accounts; of somebody with itself: one that is not there."""
        return thread_of_pair(self.account(own), self.account(at))

    def talk(self, own: int, one: int) -> ThreadId:
        """Give a thread that somebody has, if there is any; seldom any other."""
        partners = self.partners[own % len(NAMES)]
        if partners and one % 16:
            return self.thread(own, partners[one % len(partners)])
        return self.thread(own, _other(own, one))

    def opened(self, thread: ThreadId) -> None:
        """Note that two have a thread."""
        for own in range(len(NAMES)):
            for other in range(own):
                if self.thread(own, other) == thread and other not in self.partners[own]:
                    self.partners[own].append(other)
                    self.partners[other].append(own)

    def token(self, one: int) -> str:
        """Give a new token; one in eight was used before, with whatever text."""
        if one % 8:
            self.said += 1
        return f"{self.number}-{self.said}"


Ask = Callable[[People, int, int, int, int], AnyCall]
"""Makes a call of somebody (the first number) out of three more."""


def _other(own: int, one: int) -> int:
    """Choose somebody: seldom oneself."""
    return own + 1 + one % (len(NAMES) - 1) if one % 16 else own


def _send(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    reply = Seq(1 + three % 3) if three % 5 == 0 else None
    return c.Send(
        thread=p.talk(own, one),
        text=TEXTS[two % len(TEXTS)],
        token=p.token(three),
        reply_to=reply,
    )


def _controls(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    own_version = p.versions.get(p.account(own), 0)
    return c.SetControls(
        as_=p.account(own),
        if_version=own_version if three % 8 else three,
        controls={CATEGORIES[one % len(CATEGORIES)]: WORDS[two % len(WORDS)]},
        keep_connected=(None, True, False)[three % 3],
    )


def _preview_controls(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    outcomes = {CATEGORIES[one % len(CATEGORIES)]: WORDS[two % len(WORDS)]}
    return q.PreviewControls(
        as_=p.account(own), controls=outcomes, keep_connected=(None, True, False)[three % 3]
    )


def _explain(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    other = _other(own, one)
    if three % 2:
        return q.Explain(as_=p.account(own), account=p.account(other))
    return q.Explain(as_=p.account(own), thread=p.talk(own, one), seq=Seq(1 + two % 4))


def _history(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    thread = p.talk(own, one)
    edge = ({}, {"before": Seq(1 + two % 6)}, {"after": two % 5}, {"before": Seq(1), "after": 1})[three % 4]
    return q.History(thread=thread, limit=1 + three % 3, **edge)


def _profile(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    changes: list[dict[str, Any]] = [
        {"handle": f"{p.handle(one)}{'ÀÉx'[two % 3]}"},
        {"handle": p.handle(one)},
        {"name": TEXTS[two % 3]},
        {"private": two % 2 == 0},
        {"shows_receipts": two % 2 == 0, "shows_typing": two % 3 == 0},
        {"shows_presence": two % 2 == 0},
        {"picture": f"https://pictures.example/{two}"},
    ]
    return c.SetProfile(as_=p.account(own), **changes[three % len(changes)])


def _open(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    other = _other(own, one)
    as_ = p.account(own) if two % 3 else None
    if three % 4:
        return c.OpenThread(as_=as_, account=p.account(other), confirm=three % 2 == 0)
    return c.OpenThread(as_=as_, network=p.network(other), handle=p.handle(other), confirm=True)


def _link(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    other = own + 3 if one % 4 else _other(own, two)
    password = PASSWORD if three % 8 else "guessed it"
    return c.Link(as_=p.account(own), network=p.network(other), handle=p.handle(other), password=password)


def _undo(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    other = own + 3
    return c.UndoUnlink(
        as_=p.account(own), network=p.network(other), handle=p.handle(other), password=PASSWORD
    )


def _find(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    if three % 2:
        return q.FindAccount(account=p.account(one))
    return q.FindAccount(network=p.network(one), handle=p.handle(one).upper())


def _link_options(p: People, own: int, one: int, two: int, three: int) -> AnyCall:
    return c.SetLinkOptions(
        as_=p.account(own), single_sign_on=one % 2 == 0, sync_name=two % 2 == 0, sync_picture=None
    )


def _threads(p: People, own: int, one: int, two: int) -> tuple[ThreadId, ...]:
    """Name one thread or two."""
    return tuple(p.talk(own, number) for number in (one, two)[: 1 + two % 2])


COMMANDS: Final[dict[str, Ask]] = {
    "send": _send,
    "set_controls": _controls,
    "set_tie": lambda p, own, one, two, three: c.SetTie(
        as_=p.account(own), account=p.account(_other(own, one)), tie=tuple(TieKind)[two % 4], on=three % 3 > 0
    ),
    "answer_tie": lambda p, own, one, two, three: c.AnswerTie(
        as_=p.account(own),
        account=p.account(_other(own, one)),
        tie=(TieKind.FOLLOW, TieKind.FRIEND)[two % 2],
        accept=three % 3 > 0,
    ),
    "open_thread": _open,
    "accept": lambda p, own, one, two, three: c.Accept(threads=_threads(p, own, one, two)),
    "decline": lambda p, own, one, two, three: c.Decline(
        threads=_threads(p, own, one, two), hide=three % 2 == 0
    ),
    "archive": lambda p, own, one, two, three: c.Archive(
        threads=_threads(p, own, one, two), on=three % 3 > 0
    ),
    "mark_read": lambda p, own, one, two, three: c.MarkRead(thread=p.talk(own, one), upto=Seq(1 + two % 5)),
    "mark_delivered": lambda p, own, one, two, three: c.MarkDelivered(
        thread=p.talk(own, one), upto=Seq(1 + two % 5)
    ),
    "typing": lambda p, own, one, two, three: c.Typing(thread=p.talk(own, one)),
    "set_profile": _profile,
    "upload_contacts": lambda p, own, one, two, three: c.UploadContacts(
        as_=p.account(own), phones=tuple(p.phone(at) for at in (one, two, three))
    ),
    "upgrade": lambda p, own, *_: c.Upgrade(as_=p.account(own)),
    "leave_hybrid": lambda p, own, *_: c.LeaveHybrid(as_=p.account(own)),
    "unlink": lambda p, own, *_: c.Unlink(as_=p.account(own)),
    "ask_link": lambda p, own, *_: c.AskLink(
        as_=p.account(own), network=p.network(own + 3), handle=p.handle(own + 3)
    ),
    "answer_link": lambda p, own, one, two, three: c.AnswerLink(
        as_=p.account(own), account=p.account(own + 3), accept=three % 3 > 0
    ),
    "set_link_options": _link_options,
    "restore_account": lambda p, own, *_: c.RestoreAccount(as_=p.account(own)),
}
"""What is decided by the rules alone: several may be under way at once."""

OTHERS: Final[dict[str, Ask]] = {
    "link": _link,
    "undo_unlink": _undo,
    "delete_account": lambda p, own, one, two, three: c.DeleteAccount(
        as_=p.account(own), password=PASSWORD if three % 2 else "guessed it"
    ),
    "find_account": _find,
    "list_ties": lambda p, own, one, two, three: q.ListTies(
        as_=p.account(own), tie=tuple(TieKind)[one % 4], limit=1 + two % 3
    ),
    "get_controls": lambda p, own, *_: q.GetControls(as_=p.account(own)),
    "preview_controls": _preview_controls,
    "explain": _explain,
    "list_link_asks": lambda p, own, *_: q.ListLinkAsks(as_=p.account(own)),
    "preview_unlink": lambda p, own, *_: q.PreviewUnlink(as_=p.account(own)),
    "preview_leave_hybrid": lambda p, own, *_: q.PreviewLeaveHybrid(as_=p.account(own)),
    "preview_send": lambda p, own, one, two, three: q.PreviewSend(
        thread=p.talk(own, one), text=TEXTS[two % len(TEXTS)]
    ),
    "list_threads": lambda p, own, one, two, three: q.ListThreads(
        folder=tuple(Folder)[one % 4], as_=p.account(own) if two % 2 else None, limit=1 + three % 3
    ),
    "get_thread": lambda p, own, one, *_: q.GetThread(thread=p.talk(own, one)),
    "history": _history,
    "search": lambda p, own, one, two, three: q.Search(
        text=SOUGHT[one % len(SOUGHT)],
        thread=p.talk(own, two) if three % 4 == 0 else None,
        limit=1 + three % 3,
    ),
    "who_is_here": lambda p, own, one, two, three: q.WhoIsHere(
        accounts=tuple(p.account(at) for at in (one, two, three))
    ),
    "count_unread": lambda *_: q.CountUnread(),
    "list_devices": lambda *_: s.ListDevices(),
    "change_password": lambda p, own, one, *_: s.ChangePassword(
        as_=p.account(own), old=PASSWORD if one % 4 else "guessed it", new=PASSWORD
    ),
}
"""Looks, and what takes more than one step: one after the other."""

CALLS: Final[Sequence[str]] = (*COMMANDS, *OTHERS, *("send",) * 12, "accept", "open_thread")
"""What to choose from: people talk more than they do anything else."""

TALK: Final = (
    *("send", "send", "send", "open_thread", "accept", "decline", "archive", "mark_read", "mark_delivered"),
    *("typing", "preview_send", "explain", "history", "get_thread", "search", "list_threads", "count_unread"),
)
RELATIONS: Final = (
    *(
        "set_tie",
        "set_tie",
        "set_tie",
        "answer_tie",
        "answer_tie",
        "list_ties",
        "upload_contacts",
        "who_is_here",
    ),
    *("set_controls", "set_controls", "get_controls", "preview_controls", "explain", "find_account", "send"),
)
IDENTITY: Final = (
    *(
        "link",
        "ask_link",
        "answer_link",
        "upgrade",
        "leave_hybrid",
        "unlink",
        "undo_unlink",
        "set_link_options",
    ),
    *("preview_unlink", "preview_leave_hybrid", "set_profile", "delete_account", "restore_account", "send"),
    *("list_devices", "change_password"),
)
