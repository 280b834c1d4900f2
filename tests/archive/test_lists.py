"""Lists of people, links and settings, in every shape and language."""

from pathlib import Path
from typing import Any

import pytest

from bridge.archive import open_archive
from bridge.archive.model import ArchiveOwner, Edge, EdgeKind, LinkedAccount, Upgrade
from tests.archive.making import (
    ANA_FACEBOOK,
    ANA_INSTAGRAM,
    FACEBOOK,
    FOLLOWS,
    INSTAGRAM_PROFILE,
    make_zip,
)

LINKS = "personal_information/personal_information/linked_meta_accounts.json"
UPGRADE = "preferences/media_settings/use_cross-app_messaging.json"
HREF = "https://www.instagram.com/"


def listed(**said: Any) -> dict[str, Any]:
    """Make an entry of the shapes A and B."""
    return {"title": "", "media_list_data": [], "string_list_data": [said]}


@pytest.mark.parametrize(
    "content",
    [
        {"relationships_following": [listed(href=HREF + "ben", value="ben", timestamp=7)]},
        [listed(href=HREF + "ben", value="ben", timestamp=7)],
        [{**listed(href=HREF + "_u/x", timestamp=7), "title": "ben"}],
        [listed(href=HREF + "ben/", timestamp=7)],
        [{"fbid": "1", "timestamp": 7, "label_values": [{"label": "Username", "value": "ben"}], "media": []}],
        [{"timestamp": 7, "label_values": [
            {"label": "Name", "value": "Ben B"}, {"label": "Benutzername", "value": "ben"}]}],
        [{"timestamp": 7, "label_values": [{"label": "???", "value": "ben"}]}],
        [{"timestamp": 7, "label_values": [{"label": "URL", "href": HREF + "ben"}]}],
        {"x": [{"title": "", "string_map_data": {"Username": {"href": "", "value": "ben", "timestamp": 7}}}]},
        {"x": [{"title": "", "string_map_data": {"Имя пользователя": {"value": "ben", "timestamp": 7}}}]},
    ],
)  # fmt: skip
def test_all_shapes_of_a_list_read_the_same(tmp_path: Path, content: Any) -> None:
    path = make_zip(tmp_path / "a.zip", {**ANA_INSTAGRAM, f"{FOLLOWS}/following.json": content})

    with open_archive([path]) as archive:
        assert list(archive.edges()) == [Edge(EdgeKind.FOLLOWING, "ben", 7)]
        assert archive.report.edges == {"following": 1}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("followers_1", EdgeKind.FOLLOWER),
        ("followers_12", EdgeKind.FOLLOWER),
        ("followers", EdgeKind.FOLLOWER),
        ("close_friends", EdgeKind.CLOSE_FRIEND),
        ("blocked_profiles", EdgeKind.BLOCKED),
        ("blocked_accounts", EdgeKind.BLOCKED),
        ("restricted_profiles", EdgeKind.RESTRICTED),
        ("restricted_accounts", EdgeKind.RESTRICTED),
        ("pending_follow_requests", EdgeKind.FOLLOW_REQUESTED),
        ("follow_requests_you've_received", EdgeKind.FOLLOW_REQUEST_RECEIVED),
        ("hide_story_from", EdgeKind.STORY_HIDDEN),
    ],
)
def test_instagram_lists_are_told_by_their_file(tmp_path: Path, name: str, kind: EdgeKind) -> None:
    path = make_zip(tmp_path / "a.zip", {f"{FOLLOWS}/{name}.json": [listed(value="ben")]})

    with open_archive([path], owner_name="ana") as archive:
        assert (archive.network, list(archive.edges())) == ("direct", [Edge(kind, "ben")])


@pytest.mark.parametrize(
    ("name", "key", "kind"),
    [
        ("connections/friends/your_friends", "friends_v2", EdgeKind.FRIEND),
        (
            "connections/friends/received_friend_requests",
            "received_requests_v2",
            EdgeKind.FRIEND_REQUEST_RECEIVED,
        ),
        (
            "connections/friends/rejected_friend_requests",
            "rejected_requests_v2",
            EdgeKind.FRIEND_REQUEST_REJECTED,
        ),
        ("friends_and_followers/friends", "friends", EdgeKind.FRIEND),
        (f"{FACEBOOK}/messenger_contacts_you've_blocked", "anything", EdgeKind.BLOCKED),
        (f"{FACEBOOK}/messenger_contacts_you’ve_blocked", "anything", EdgeKind.BLOCKED),
    ],
)
def test_facebook_lists_are_told_by_their_file(tmp_path: Path, name: str, key: str, kind: EdgeKind) -> None:
    content = {key: [{"name": "Łukasz", "timestamp": 7}, {"name": "Ana Two"}]}
    path = make_zip(tmp_path / "a.zip", {**ANA_FACEBOOK, f"{name}.json": content})

    with open_archive([path]) as archive:
        assert list(archive.edges()) == [Edge(kind, "Łukasz", 7), Edge(kind, "Ana Two")]


@pytest.mark.parametrize(
    "odd",
    [5, None, [], {}, "x", [5], [None], [{}], [[]],
     {"a": [{"string_list_data": [5]}]}, [{"string_list_data": "x"}],
     [{"string_list_data": [{"value": 5}]}], [{"label_values": [{"label": 5, "value": []}]}],
     [{"string_map_data": {"a": 5, "b": {"value": None}}}], [listed(href="http://[bad")]],
)  # fmt: skip
def test_odd_entries_name_nobody_and_stop_nothing(tmp_path: Path, odd: Any) -> None:
    files = {
        **ANA_INSTAGRAM,
        f"{FOLLOWS}/following.json": odd,
        f"{FOLLOWS}/followers_1.json": [listed(value="ben")],
        LINKS: odd,
        UPGRADE: odd,
    }

    with open_archive([make_zip(tmp_path / "a.zip", files)]) as archive:
        assert list(archive.edges()) == [Edge(EdgeKind.FOLLOWER, "ben")]
        assert archive.links() == []
        assert archive.upgrade() is None


def test_a_name_that_is_no_unicode_costs_its_entry_alone(tmp_path: Path) -> None:
    data = rb'[{"string_list_data":[{"value":"\ud800"}]},{"string_list_data":[{"value":"ben"}]}]'

    with open_archive(
        [make_zip(tmp_path / "a.zip", {**ANA_INSTAGRAM, f"{FOLLOWS}/following.json": data})]
    ) as archive:
        assert list(archive.edges()) == [Edge(EdgeKind.FOLLOWING, "ben")]
        assert archive.report.skipped_rows.count == 1


@pytest.mark.parametrize(
    "labels",
    [
        ("Account Type", "User Name", "Identifier", "Email Address"),
        ("Art des Kontos", "Benutzername", "Kennung", "E-Mail-Adresse"),
        ("Vrsta računa", "Korisničko ime", "Oznaka", "E-adresa"),
    ],
)
def test_linked_accounts_are_read_in_any_language(tmp_path: Path, labels: tuple[str, ...]) -> None:
    values = ("Facebook", "Ana Łoś", "1000123", "ana@example.org")
    mapped = {label: {"href": "", "value": value} for label, value in zip(labels, values, strict=True)}
    path = make_zip(
        tmp_path / "a.zip",
        {**ANA_INSTAGRAM, LINKS: {"profile_linked_meta_accounts": [{"string_map_data": mapped}]}},
    )

    with open_archive([path]) as archive:
        assert archive.links() == [LinkedAccount("messenger", "Ana Łoś", "1000123", "Facebook")]


def test_a_link_to_a_network_unknown_to_the_bridge_is_reported(tmp_path: Path) -> None:
    mapped = {"Account Type": {"value": "Horizon"}, "User Name": {"value": "ana"}}
    path = make_zip(tmp_path / "a.zip", {**ANA_INSTAGRAM, LINKS: [{"string_map_data": mapped}]})

    with open_archive([path]) as archive:
        assert archive.links() == [LinkedAccount(None, "ana", None, "Horizon")]
        assert archive.report.unknown_values.count == 1


@pytest.mark.parametrize(
    ("value", "on"),
    [
        ("True", True),
        ("1", True),
        ("Ja", True),
        ("так", True),
        ("False", False),
        ("Nein", False),
        ("0", False),
    ],
)
@pytest.mark.parametrize("label", ["Upgraded To Cross-App Messaging", "Aktualisiert"])
def test_the_opt_in_is_read_in_any_language(tmp_path: Path, label: str, value: str, on: bool) -> None:
    mapped = {label: {"href": "", "value": value, "timestamp": 0}, "Wann": {"timestamp": 1_650_000_000}}
    content = {"settings_upgraded_to_cross_app_messaging": [{"title": "", "string_map_data": mapped}]}

    with open_archive([make_zip(tmp_path / "a.zip", {**ANA_INSTAGRAM, UPGRADE: content})]) as archive:
        assert archive.upgrade() == Upgrade(on, 1_650_000_000)


def test_an_opt_in_that_is_neither_yes_nor_no_is_reported(tmp_path: Path) -> None:
    content = {"x": [{"string_map_data": {"Upgraded": {"value": "perhaps"}}}]}

    with open_archive([make_zip(tmp_path / "a.zip", {**ANA_INSTAGRAM, UPGRADE: content})]) as archive:
        assert archive.upgrade() is None
        assert archive.report.unknown_values.count == 1


@pytest.mark.parametrize(
    ("mapped", "name", "handle"),
    [
        ({"Username": {"value": "ana.l"}, "Name": {"value": "Ana"}}, "Ana", "ana.l"),
        ({"Benutzername": {"value": "ana.l"}, "Name": {"value": "Ana"}}, "Ana", "ana.l"),
        (
            {"E-adresa": {"value": "a@x.org"}, "Telefon": {"value": "+385"}, "?": {"value": "ana.l"}},
            "ana.l",
            "ana.l",
        ),
    ],
)
def test_the_owner_is_told_in_any_language(
    tmp_path: Path, mapped: dict[str, Any], name: str, handle: str
) -> None:
    path = make_zip(tmp_path / "a.zip", {INSTAGRAM_PROFILE: {"profile_user": [{"string_map_data": mapped}]}})

    with open_archive([path]) as archive:
        assert archive.owner == ArchiveOwner("direct", name, handle)
