"""No JSON of any shape, in any file of an archive, stops the reading of the rest."""

from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.archive import ArchiveWriter, open_archive
from bridge.archive.model import Network
from tests.archive.making import (
    FACEBOOK,
    FACEBOOK_PROFILE,
    FOLLOWS,
    INSTAGRAM,
    INSTAGRAM_PROFILE,
    make_folder,
    read_all,
    row,
    thread_file,
)

LINKS = "personal_information/personal_information/linked_meta_accounts.json"
WORDS = """
participants messages title is_still_participant thread_type joinable_mode image is_pending sender_name
timestamp_ms content reactions photos sticker share users type missed call_duration is_unsent is_taken_down
uri creation_timestamp link reaction actor name threadName senderName timestamp text media conversation sender
created_at likes string_list_data string_map_data label_values label value href Username profile_v2 é
"""
KEYS = st.sampled_from(WORDS.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "Ben", "Ã©", "é", "2018-11-05T12:00:00", "https://[", "Facebook", "True"])
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
ROWS = st.lists(st.dictionaries(KEYS, ANYTHING, max_size=6) | ANYTHING, max_size=4)
GOOD = {"sender_name": "Ben", "timestamp_ms": 7}
FILES: dict[Network, tuple[str, ...]] = {
    "messenger": (
        f"{FACEBOOK}/inbox/a_1/message_1.json",
        f"{FACEBOOK}/your_cross-app_messaging_settings.json",
        "messages/Ana_4.json",
        "connections/friends/your_friends.json",
        FACEBOOK_PROFILE,
    ),
    "direct": (
        f"{INSTAGRAM}/inbox/a_1/message_1.json",
        "messages.json",
        f"{FOLLOWS}/following.json",
        "preferences/media_settings/use_cross-app_messaging.json",
        INSTAGRAM_PROFILE,
        LINKS,
    ),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=st.sampled_from(sorted(FILES)), said=ANYTHING, rows=ROWS)
def test_whatever_a_file_says_the_rest_is_read_and_can_be_written(
    tmp_path: Path, network: Network, said: Any, rows: list[Any]
) -> None:
    root = FACEBOOK if network == "messenger" else INSTAGRAM
    odd = [{**GOOD, **item} if isinstance(item, dict) else item for item in rows]
    for name in FILES[network]:
        whole = {**(said if isinstance(said, dict) else {}), "messages": odd} if "messages" in name else said
        make_folder(tmp_path / network, {name: orjson.dumps(whole)})
    make_folder(tmp_path / network, {f"{root}/inbox/good_2/message_1.json": thread_file(row("good"))})
    out = tmp_path / "out.zip"
    out.unlink(missing_ok=True)

    with open_archive([tmp_path / network], owner_name="Ana", network=network) as archive:
        threads = read_all(archive)
        edges, links = list(archive.edges()), archive.links()
        archive.upgrade()
        with ArchiveWriter(out, archive.network) as target:
            for head, messages in threads:
                target.thread(head, messages)
            target.edges(edges)
            target.links(links)

    assert [m.text for head, messages in threads for m in messages if head.path == "inbox/good_2"] == ["good"]
    with open_archive([out], owner_name="Ana", network=network) as again:
        assert read_all(again) == threads
        assert (sorted(again.edges(), key=str), again.links()) == (sorted(edges, key=str), links)
