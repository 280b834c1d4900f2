"""What the line-mode client says, in people's words: controls, decisions, effects, names."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bridge.errors import BridgeError, Invalid
from bridge.wire.events import TieChanged
from bridge.wire.replies import Effects
from bridge.wire.values import (
    AccountState,
    AccountView,
    ControlView,
    DecisionView,
    Hybrid,
    Network,
    OutcomeOf,
    OwnAccountView,
    TieKind,
    TieState,
    TieView,
)
from clients.terminal.cleaning import clean_line

NAMED = 4
"""A thread without a name is called by so many of the people in it."""

NETWORKS = {Network.DIRECT: "Direct", Network.MESSENGER: "Messenger"}

CATEGORIES = {
    "messenger_friends": "friends on Messenger, or people I have chatted with there",
    "followers": "accounts that follow me",
    "phone_contacts": "people who have my phone number in their contacts",
    "messenger_friends_of_friends": "friends of my friends on Messenger",
    "others_on_direct": "anyone else on Direct",
    "others_on_messenger": "anyone else on Messenger",
    "direct_following": "accounts I follow, or have chatted with, on Direct",
    "friends_of_friends": "friends of my friends",
    "direct_followers": "my followers on Direct",
    "group_adds": "who may add me to a group",
}

OUTCOMES = {
    "inbox": "inbox",
    "requests": "requests",
    "hidden": "hidden requests",
    "none": "don't receive",
    "everyone": "everyone",
    "following": "accounts I follow",
    "friends": "friends",
}

RULES = {
    "self": "both accounts belong to the same person",
    "not_active": "the account is not active",
    "blocked": "one side blocked the other",
    "floor": "the operator's policy",
    "left_hybrid": "chats across networks are off",
    "closed": "your control refuses this whole category, chats included",
    "restricted": "you restrict this account",
    "accepted": "you accepted this chat, wrote in it or started it",
    "hidden_after_decline": "you declined this account before and chose to hide what follows",
    "follows": "you follow this account",
    "friends": "you are friends",
    "control": "your message control",
    "not_delivered": "a cause that only the sender may know",
}

CLOSED = {
    "left_hybrid": "you left chats across networks; /upgrade takes that back",
    "unlinked": "your accounts are no longer linked",
    "network_shut_down": "the operator shut this down",
    "history": "this is imported history",
    "left": "you left",
}

CANNOT_BEGIN = {
    Hybrid.NEVER: "{} can answer who writes across networks, and begin nothing there itself: messaging is "
    "not updated. /link an account of the other network, then /upgrade.",
    Hybrid.OFF: "You cannot write here: chats across networks are off for {}. /upgrade takes that back.",
}

HELD = {
    (TieKind.FOLLOW, TieState.ON): "You follow {}.",
    (TieKind.FOLLOW, TieState.ASKED): "You asked to follow {}.",
    (TieKind.FOLLOW, TieState.ABSENT): "You do not follow {}.",
    (TieKind.FRIEND, TieState.ON): "You and {} are friends.",
    (TieKind.FRIEND, TieState.ASKED): "You asked {} to be friends.",
    (TieKind.FRIEND, TieState.ABSENT): "You and {} are not friends.",
    (TieKind.BLOCK, TieState.ON): "You block {}.",
    (TieKind.RESTRICT, TieState.ON): "You restrict {}, without their knowing.",
}

INCOMING = {
    (TieKind.FOLLOW, TieState.ON): "{} follows you.",
    (TieKind.FOLLOW, TieState.ASKED): "{} asks to follow you.",
    (TieKind.FOLLOW, TieState.ABSENT): "{} does not follow you.",
    (TieKind.FRIEND, TieState.ON): "You and {} are friends.",
    (TieKind.FRIEND, TieState.ASKED): "{} asks to be friends with you.",
    (TieKind.FRIEND, TieState.ABSENT): "You and {} are not friends.",
}

LANDINGS = {
    OutcomeOf.INBOX: "in your inbox",
    OutcomeOf.REQUESTS: "in your requests",
    OutcomeOf.HIDDEN: "in your hidden requests",
    OutcomeOf.NONE: "nowhere: it is not delivered",
}


def network(value: Network) -> str:
    """Name a network."""
    return NETWORKS[value]


def name_of(account: AccountView) -> str:
    """Name an account, its display name first."""
    return clean_line(account.name) or clean_line(account.handle) or "deleted account"


def full_name(account: AccountView) -> str:
    """Name an account so that it cannot be mistaken for another."""
    if not account.handle:
        return f"{name_of(account)} (on {network(account.network)})"
    return f"{name_of(account)} ({clean_line(account.handle)} on {network(account.network)})"


def asks_for_a_link(account: AccountView) -> str:
    """Say who asks for a link, and what answers that."""
    return f"{full_name(account)} asks to be linked with you. /approve or /refuse answers."


def all_names(accounts: Sequence[AccountView]) -> str:
    """Name the others in a thread; of many, the first ones and how many follow."""
    names = [full_name(account) for account in accounts[:NAMED]]
    if len(accounts) > NAMED:
        names[-1] = f"{len(accounts) - NAMED + 1} others"
    return ", ".join(names) or "an empty thread"


def own_name(account: AccountView) -> str:
    """Name an own account."""
    return f"{clean_line(account.handle)} on {network(account.network)}"


def control(view: ControlView) -> str:
    """Say one control in people's words."""
    sentence = CATEGORIES.get(view.category, clean_line(view.category))
    if not view.available:
        return f"{sentence}: applies once you link an account"
    return f"{sentence}: {outcome(view.outcome)}"


def tie(view: TieView | TieChanged) -> str:
    """Say how one stands to an account."""
    sentence = (INCOMING if view.incoming else HELD).get((view.tie, view.state), "{}: " + view.tie)
    return sentence.format(full_name(view.account))


def moment(at_ms: int) -> str:
    """Say when something was, by the person's own clock."""
    return f"{datetime.fromtimestamp(at_ms / 1_000):%Y-%m-%d, %H:%M}"


def outcome(word: str) -> str:
    """Say an outcome."""
    return OUTCOMES.get(word, clean_line(word))


def outcome_word(said: str, view: ControlView) -> str | None:
    """Find the outcome that a person means; ``None`` if the category does not take it."""
    said = said.strip().lower().replace("’", "'")
    for option in view.options:
        if said in (option, outcome(option), outcome(option) + " requests"):
            return option
    return None


def decision(view: DecisionView) -> Iterator[str]:
    """Explain a decision."""
    rule, _, rest = view.rule.partition(":")
    reason = RULES.get(rule, clean_line(view.rule))
    category = view.category or rest
    if category:
        reason += f", for {CATEGORIES.get(category, clean_line(category))}"
    yield f"It lands {LANDINGS[view.outcome]}, because of this rule: {reason}."
    if "spam" in view.facts:
        yield "The operator's spam filter put it among the hidden requests."


def effects(view: Effects) -> Iterator[str]:
    """Say what a change does, one line per effect; nothing if it does nothing."""
    counted = (
        (view.threads_closed, "thread becomes read-only", "threads become read-only"),
        (view.threads_opened, "thread can be written to again", "threads can be written to again"),
        (view.groups_left, "group loses a member", "groups lose a member"),
        (view.requests_lapsed, "unanswered request ends", "unanswered requests end"),
        (view.in_flight, "message is still on its way", "messages are still on their way"),
    )
    for count, one, many in counted:
        if count:
            yield f"{count} {one if count == 1 else many}."
    for category in view.categories_added:
        yield f"A message control appears: {CATEGORIES.get(category, category)}."
    for category in view.categories_removed:
        yield f"A message control goes: {CATEGORIES.get(category, category)}."
    for category in view.reset:
        yield f"A message control is set back to requests: {CATEGORIES.get(category, category)}."
    if view.leaves_hybrid:
        yield "Your inboxes separate again: chats across networks close."


def account(view: OwnAccountView) -> str:
    """Describe an own account."""
    crossing = {
        Hybrid.ON: "chats across networks are on",
        Hybrid.OFF: "chats across networks are off",
        Hybrid.NEVER: "messaging is not updated yet",
    }[view.hybrid]
    linked = "linked" if view.linked_to else "not linked"
    deleted = ", deleted: /restore takes that back" if view.state is AccountState.DEACTIVATED else ""
    return f"{own_name(view)}: {name_of(view)}, {linked}, {crossing}{deleted}"


def refusal(error: BridgeError) -> str:
    """Say why something was not done; the field only where the text does not speak for itself."""
    where = f" ({clean_line(error.path)})" if error.path and isinstance(error, Invalid) else ""
    return f"Not done: {clean_line(error.text)}{where}"


def closed(reason: str) -> str:
    """Say why one cannot write in a thread."""
    return CLOSED.get(reason, clean_line(reason).replace("_", " "))
