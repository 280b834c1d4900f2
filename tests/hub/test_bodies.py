"""An event is encoded once for all who are shown the same."""

from collections import Counter
from collections.abc import Callable

import pytest

from bridge.domain.facts import Facts
from bridge.hub.sessions import Bodies
from bridge.ids import AccountId
from bridge.wire.codec import JSON, MSGPACK, Codec
from bridge.wire.values import Network
from tests.builders import make_account, make_group

READERS = [AccountId(f"a-{number}") for number in range(100)]


@pytest.mark.parametrize(("length", "times"), [(10, 1), (5_000, 2)])
def test_a_group_costs_an_encoding_for_each_kind_of_reader(
    monkeypatch: pytest.MonkeyPatch, length: int, times: int
) -> None:
    facts, group, sender = Facts(), make_group(*READERS), READERS[0]
    for number, reader in enumerate(READERS):
        network = Network.DIRECT if number % 2 else Network.MESSENGER
        facts.put(make_account(reader, network))
    bodies = Bodies(facts, group.say(sender, "x" * length))
    encoded = Counter[Codec]()
    for codec in (JSON, MSGPACK):
        monkeypatch.setattr(codec, "_encode", _counted(encoded, codec, codec._encode))

    found = {codec: [bodies.body(codec, reader) for reader in READERS] for codec in (JSON, MSGPACK)}

    assert encoded == {JSON: times, MSGPACK: times}
    for codec, shown in found.items():
        assert len(set(shown[::2])) == len(set(shown[1::2])) == 1, codec
        assert (shown[0] == shown[1]) is (times == 1), (
            "the longer text is shown in parts where it does not fit"
        )


def _counted(
    counts: Counter[Codec], codec: Codec, encode: Callable[[object], bytes]
) -> Callable[[object], bytes]:
    def count(value: object) -> bytes:
        counts[codec] += 1
        return encode(value)

    return count
