"""A preview of a message is what its receiver then sees, and is refused where the send is."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.domain.model import Message
from bridge.domain.translate import fits
from bridge.domain.views import message_view
from bridge.errors import BridgeError
from bridge.ids import Seq
from bridge.wire.commands import Send
from bridge.wire.queries import PreviewSend
from bridge.wire.replies import SendPreview
from bridge.wire.values import Hybrid
from tests.domain.world import World

JOINED = ["e\u0301", "👨‍👩‍👧", "🇩🇪", "🏽", "\ufe0f", "\u0301", "ก็", "\u1100\u1161\u11a8"]
UNSEEN = ["\u200b", "\u200d", "\u202e", "\u2066", "\u0600"]  # nothing, joiners, turns of direction, a prefix
PLAIN = ["a", "日本", ". ", " ", "\n", "\n\n", "word " * 50, "x" * 90]
texts = st.builds(
    lambda pieces, times: "".join(pieces) * times,
    st.lists(st.sampled_from(JOINED + UNSEEN + PLAIN), min_size=1, max_size=8),
    st.sampled_from([1, 3, 60, 300]),
)
pairs = st.sampled_from([("ann", "bobm"), ("bobm", "ann"), ("ann", "bob"), ("annm", "bobm")])


def _talk(speaker: str, reader: str, upgraded: set[str]) -> World:
    """Let two who may cross write to each other."""
    world = World()
    for name in ("ann", "bob"):
        world.join(name, "direct")
        world.join(f"{name}m", "messenger")
    for name in upgraded | {"ann"}:
        world.put(replace(world.account(name), hybrid=Hybrid.ON))
    world.send(speaker, reader)
    world.send(reader, speaker)
    return world


def _outcome(world: World, account: str, command: Send | PreviewSend) -> object:
    try:
        if isinstance(command, PreviewSend):
            return world.ask(account, command)
        return world.run(account, command).reply
    except BridgeError as refusal:
        return refusal.code


@settings(max_examples=200, deadline=None)
@given(text=texts, quoted=st.none() | texts, pair=pairs, upgraded=st.sets(st.just("bob")))
def test_what_was_previewed_is_what_is_seen(
    text: str, quoted: str | None, pair: tuple[str, str], upgraded: set[str]
) -> None:
    speaker, reader = pair
    world = _talk(speaker, reader, upgraded)
    thread, reply_to = world.thread(*pair), None
    if quoted is not None and fits(quoted, world.account(speaker).network):
        world.send(speaker, reader, quoted)
        reply_to = Seq(world.tip(*pair))

    previewed = _outcome(world, speaker, PreviewSend(thread=thread, text=text, reply_to=reply_to))
    sent = _outcome(world, speaker, Send(thread=thread, text=text, reply_to=reply_to, token="the-token"))

    if not isinstance(previewed, SendPreview):
        assert sent == previewed
        return
    message = world.records[Message, (thread, Seq(world.tip(*pair)))]
    seen = world.look(lambda: message_view(world.facts, message, world.account(reader)))
    assert (seen.text, seen.parts) == (previewed.text, previewed.parts)
    assert seen.translation in (None, previewed.translation)
    assert (seen.translation is None) is (previewed.translation.converted == ())
    assert all(fits(part, world.account(reader).network) for part in seen.parts or (seen.text,))
