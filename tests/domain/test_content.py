"""Digests are HMAC's, and links in bulk are those that are made one by one."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.content import digest_of, first_link, links_of, next_link
from bridge.ids import AccountId, ThreadId

THREAD = ThreadId("pÄ/0123")
SAID = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32), st.sampled_from(("a1", "b❤"))),
    max_size=9,
)


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_a_digest_is_the_hmac_of_the_content_under_its_salt(salt: bytes, packed: bytes) -> None:
    assert digest_of(salt, packed) == hmac.digest(salt, packed, "sha256")


@given(SAID, st.integers(0, 2**40))
def test_links_in_bulk_are_those_one_by_one(said: list[tuple[bytes, str]], after: int) -> None:
    link, links = first_link(THREAD), []
    for seq, (digest, sender) in enumerate(said, after + 1):
        link = next_link(link, THREAD, seq, AccountId(sender), digest)
        links.append(link)

    senders = [sender.encode() for _, sender in said]
    assert links_of(first_link(THREAD), THREAD, after, senders, [digest for digest, _ in said]) == links
