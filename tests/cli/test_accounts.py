"""``isthmus account`` and ``isthmus token``, with no hub running: the command does it itself."""

import io
import re
from pathlib import Path

import pytest

from bridge.cli import exits
from tests.cli.conftest import Isthmus


def test_an_account_is_made_shown_and_listed(isthmus: Isthmus) -> None:
    made = isthmus("account", "create", "direct/ana", "--name", "Ana Lima", "--no-password", "--json")
    shown = isthmus("account", "show", "direct/ana", "--json")
    listed = isthmus("account", "list", "--json")

    assert (made.code, shown.code, listed.code) == (0, 0, 0)
    assert made.data["account"] == "direct/ana"
    assert shown.data == made.data
    assert listed.rows == [made.data]


def test_an_account_is_found_by_its_id_too(isthmus: Isthmus) -> None:
    made = isthmus("account", "create", "direct/ana", "--no-password", "--json").data

    assert isthmus("account", "show", made["id"], "--json").data == made


def test_people_read_sentences_and_tables(isthmus: Isthmus) -> None:
    made = isthmus("account", "create", "direct/ana", "--no-password")
    listed = isthmus("account", "list")

    assert made.out.startswith("Made direct/ana (ana), id a")
    assert "isthmus account passwd direct/ana" in made.out
    assert listed.out.splitlines()[0].split()[:2] == ["ACCOUNT", "NAME"]
    assert "\x1b" not in made.out + listed.out


def test_a_password_comes_from_a_file_or_stdin(
    isthmus: Isthmus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("over the isthmus\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("under the isthmus\n"))

    one = isthmus("account", "create", "direct/ana", "--password-file", "secret", "--json")
    two = isthmus("account", "create", "messenger/ana", "--password-file", "-", "--json")

    assert one.data["can_sign_in"] is True
    assert two.data["can_sign_in"] is True


def test_a_made_up_password_is_shown_once(isthmus: Isthmus) -> None:
    made = isthmus("account", "create", "direct/ana", "--generate", "--json").data

    assert len(made["password"]) >= 12
    assert "password" not in isthmus("account", "show", "direct/ana", "--json").data


def test_without_anybody_to_type_it_a_password_is_asked_for_otherwise(isthmus: Isthmus) -> None:
    ran = isthmus("account", "create", "direct/ana")

    assert ran.code == exits.FAILED
    assert "--password-file" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["account", "create", "ana"], exits.USAGE, "direct/ana"),
        (["account", "create", "insta/ana", "--no-password"], exits.USAGE, "direct/ana"),
        (["account", "create", "direct/", "--no-password"], exits.USAGE, "direct/ana"),
        (["account", "create", "direct/a na", "--no-password"], exits.USAGE, "spaces"),
        (["account", "create", "direct/" + "x" * 65, "--no-password"], exits.USAGE, "64"),
        (["account", "create", "direct/\x1b[2J", "--no-password"], exits.USAGE, "$.handle"),
        (["account", "create", "direct/ben", "--no-password", "--name", "x" * 101], exits.USAGE, "$.name"),
        (["account", "create", "direct/ben", "--no-password", "--phone", "12"], exits.USAGE, "$.phone"),
        (["account", "create", "direct/ben", "--password-file", "absent"], exits.FAILED, "absent"),
        (["account", "create", "direct/ana", "--no-password"], exits.FAILED, "taken"),
        (["account", "create", "direct/ÀNA", "--no-pasword"], exits.USAGE, "--no-password"),
        (["account", "creat", "direct/ana"], exits.USAGE, "create"),
        (["account", "show", "direct/nobody"], exits.MISSING, "isthmus account list"),
        (["account", "show", "web/ana"], exits.USAGE, "direct/"),
        (["account", "show", ""], exits.USAGE, "$.account"),
        (["account", "set", "direct/ana"], exits.USAGE, "--help"),
        (["account", "set", "direct/ana", "--handle", "b b"], exits.USAGE, "spaces"),
        (["account", "erase", "direct/ana"], exits.USAGE, "--yes"),
        (["account", "restore", "direct/ana"], exits.FAILED, "deletion"),
        (["account", "sign-out", "direct/ana", "d-none"], exits.MISSING, "isthmus account sessions"),
        (["token", "revoke", "direct/ana", "d-none"], exits.MISSING, "isthmus account sessions"),
        (["token", "mint", "direct/ana", "--name", ""], exits.USAGE, "$.name"),
    ],
)
def test_what_is_broken_is_refused_with_the_next_step(
    isthmus: Isthmus, arguments: list[str], code: int, hint: str
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    before = isthmus("account", "list", "--json").out

    ran = isthmus(*arguments)
    data = isthmus(*arguments, "--json")

    assert (ran.code, data.code) == (code, code)
    assert hint in ran.err
    assert ran.out == ""
    assert ran.err.startswith("isthmus: ")
    assert "Traceback" not in ran.err
    assert set(data.data["error"]) == {"code", "text", "path"}
    assert isthmus("account", "list", "--json").out == before


def test_a_database_that_is_not_there_is_missed_and_not_made(isthmus: Isthmus, tmp_path: Path) -> None:
    ran = isthmus("account", "list", "--db", "absent.db")

    assert ran.code == exits.FAILED
    assert "absent.db" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_what_the_operator_sets_is_shown(isthmus: Isthmus) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    changed = isthmus(
        "account", "set", "direct/ana", "--name", "Ana L.", "--region", "EU", "--private", "--minor", "--json"
    ).data

    assert (changed["name"], changed["region"]) == ("Ana L.", "EU")
    assert (changed["private"], changed["minor"], changed["suspected"]) == (True, True, False)


def test_an_account_goes_and_comes_back(isthmus: Isthmus) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    states = [
        isthmus("account", deed, "direct/ana", "--json").data["state"]
        for deed in ("deactivate", "activate", "delete", "restore")
    ]

    assert states == ["deactivated", "active", "deactivated", "active"]


def test_an_erased_account_leaves_its_handle_free(isthmus: Isthmus) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    erased = isthmus("account", "erase", "direct/ana", "--yes", "--json")
    again = isthmus("account", "create", "direct/ana", "--no-password")

    assert erased.data == {"messages_erased": 0}
    assert again.code == 0


def test_a_token_is_minted_listed_and_revoked(isthmus: Isthmus) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    minted = isthmus("token", "mint", "direct/ana", "--name", "a robot", "--json").data
    listed = isthmus("token", "list", "direct/ana", "--json").rows
    revoked = isthmus("token", "revoke", "direct/ana", minted["device"], "--json")
    after = isthmus("token", "list", "direct/ana", "--json")

    assert re.fullmatch(r"[\w-]{43}", minted["token"])
    assert [(device["device"], device["name"]) for device in listed] == [(minted["device"], "a robot")]
    assert revoked.data == {"signed_out": 1}
    assert after.out == ""


def test_a_new_password_signs_all_devices_out(isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("over the isthmus")
    isthmus("account", "create", "direct/ana", "--no-password")
    isthmus("token", "mint", "direct/ana")

    changed = isthmus("account", "passwd", "direct/ana", "--password-file", "secret")

    assert "1 devices were signed out" in changed.out
    assert isthmus("account", "sessions", "direct/ana", "--json").out == ""
