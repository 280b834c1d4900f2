"""Digests and links in bulk are those that are made one by one."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.content import SALT, digest_of, digests_of, first_link, links_of, next_link
from bridge.ids import AccountId, ThreadId

THREAD = ThreadId("pÄ/0123")
SAID = st.lists(
    st.tuples(
        st.binary(min_size=SALT, max_size=SALT), st.binary(max_size=300), st.sampled_from(("a1", "b❤"))
    ),
    max_size=9,
)


@given(SAID, st.integers(0, 2**40))
def test_digests_and_links_in_bulk_are_those_one_by_one(
    said: list[tuple[bytes, bytes, str]], after: int
) -> None:
    digests = [digest_of(salt, packed) for salt, packed, _ in said]
    link, links = first_link(THREAD), []
    for seq, ((_, _, sender), digest) in enumerate(zip(said, digests, strict=True), after + 1):
        link = next_link(link, THREAD, seq, AccountId(sender), digest)
        links.append(link)

    assert digests_of(b"".join(salt for salt, _, _ in said), [packed for _, packed, _ in said]) == digests
    senders = [sender.encode() for _, _, sender in said]
    assert links_of(first_link(THREAD), THREAD, after, senders, digests) == links
