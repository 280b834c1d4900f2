"""``isthmus audit``, ``backup``, ``restore``, ``import`` and ``export`` on databases of their own."""

import gzip
import os
import sqlite3
from pathlib import Path

import pytest

from bridge.archive.cast import demo_people
from bridge.cli import exits
from bridge.store.sqlite.ownership import Ownership
from tests.cli.conftest import Isthmus
from tests.store.sqlite import first


def test_an_archive_comes_in_and_goes_out_again(isthmus: Isthmus, tmp_path: Path) -> None:
    (ana, *_) = demo_people(tmp_path / "archives")

    looked = isthmus("import", ana.path, "--dry-run", "--json").data
    came = isthmus("import", ana.path, "--json").data
    twice = isthmus("import", ana.path, "--json").data
    went = isthmus("export", "direct/ana", "out.zip", "--json").data
    audited = isthmus("audit", "--json")

    assert (looked["dry_run"], looked["messages"]) == (True, ana.messages)
    assert (came["added"], twice["added"]) == (ana.messages, 0)
    assert went["messages"] == ana.messages
    assert (audited.code, audited.data["problems"]) == (0, [])


def test_an_import_tells_people_what_it_found(isthmus: Isthmus, tmp_path: Path) -> None:
    (ana, *_) = demo_people(tmp_path / "archives")

    ran = isthmus("import", ana.path)

    assert ran.out.splitlines()[0] == "Imported direct/ana (Ana Lima):"
    assert "7 messages" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["import"], exits.USAGE, "isthmus import FILE.zip"),
        (["import", "absent.zip"], exits.FAILED, "absent.zip"),
        (["import", "text.zip"], exits.FAILED, "text.zip"),
        (["import", "text.zip", "--map", "Ben"], exits.USAGE, "--map"),
        (["export", "direct/nobody", "out.zip"], exits.MISSING, "isthmus account list"),
        (["export", "direct/ana", "text.zip"], exits.FAILED, "text.zip"),
        (["backup", "text.zip"], exits.FAILED, "text.zip"),
        (["restore", "absent.db", "--db", "new.db"], exits.FAILED, "absent.db"),
        (["restore", "text.zip", "--db", "new.db"], None, "text.zip"),
        (["audit", "--db", "absent.db"], exits.FAILED, "absent.db"),
        (["audit", "--db", ""], exits.FAILED, "--db"),
    ],
)
def test_what_is_broken_is_refused_and_nothing_is_lost(
    isthmus: Isthmus, tmp_path: Path, arguments: list[str], code: int | None, hint: str
) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    isthmus("account", "create", "direct/ana", "--no-password")

    ran = isthmus(*arguments)

    assert ran.code == code if code is not None else ran.code > 0
    assert hint in ran.err
    assert "Traceback" not in ran.err
    assert (tmp_path / "text.zip").read_text() == "no archive"
    assert isthmus("account", "show", "direct/ana").code == 0


def test_a_backup_is_restored_with_its_keys_into_an_empty_place_only(
    isthmus: Isthmus, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    isthmus("link", "show", "direct/ana")

    saved = isthmus("backup", "copy.db", "--json")
    back = isthmus("restore", "copy.db", "--db", "new.db")
    again = isthmus("restore", "copy.db", "--db", "new.db")
    shown = isthmus("account", "show", "direct/ana", "--db", "new.db", "--json")

    assert saved.data["bytes"] == (tmp_path / "copy.db").stat().st_size
    assert back.code == 0
    assert (again.code, "already" in again.err) == (exits.FAILED, True)
    assert shown.data["account"] == "direct/ana"
    assert (tmp_path / "new.db.keys").read_bytes() == (tmp_path / "isthmus.db.keys").read_bytes()
    for secret in ("copy.db", "copy.db.keys", "new.db", "new.db.keys"):
        assert os.stat(tmp_path / secret).st_mode & 0o077 == 0, secret


def test_a_database_that_is_used_is_not_given_other_secrets_without_a_word(
    isthmus: Isthmus, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    keys = tmp_path / "isthmus.db.keys"
    keys.rename(tmp_path / "aside")

    missing = isthmus("account", "set", "direct/ana", "--name", "Ana")
    made = keys.exists()
    isthmus("account", "create", "direct/ana", "--no-password", "--db", "other.db")
    (tmp_path / "other.db.keys").rename(keys)
    others = isthmus("account", "set", "direct/ana", "--name", "Ana")
    (tmp_path / "aside").rename(keys)
    again = isthmus("account", "set", "direct/ana", "--name", "Ana")

    assert (missing.code, made) == (exits.USAGE, False)
    assert f"put {keys.name} back" in missing.err
    assert "isthmus migrate --new-keys" in missing.err
    assert (others.code, "other secrets" in others.err) == (exits.USAGE, True)
    assert again.code == exits.OK


def test_secrets_that_are_lost_for_good_are_replaced_when_told_to(isthmus: Isthmus, tmp_path: Path) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    (tmp_path / "isthmus.db.keys").unlink()

    told = isthmus("migrate", "--new-keys")

    assert told.code == exits.OK
    assert isthmus("account", "show", "direct/ana").code == exits.OK


READING = (
    ["account", "list"],
    ["account", "show", "direct/ana"],
    ["account", "sessions", "direct/ana"],
    ["token", "list", "direct/ana"],
    ["link", "show", "direct/ana"],
    ["link", "preview", "direct/ana"],
    ["link", "leave", "direct/ana", "--preview"],
    ["link", "audit"],
    ["controls", "show", "direct/ana"],
    ["controls", "preview", "direct/ana", "followers=none"],
    ["audit-log"],
    ["top", "--once"],
    ["check"],
    ["audit"],
    ["export", "direct/ana", "out.zip"],
    ["import", "ana-instagram.zip", "--dry-run"],
)

ASKING_A_HUB = ("top", "check")


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_command_that_only_reads_leaves_an_older_database_as_it_is(
    isthmus: Isthmus, tmp_path: Path, arguments: list[str]
) -> None:
    demo_people(tmp_path)
    database = tmp_path / "isthmus.db"
    database.write_bytes(gzip.decompress(first.FROZEN.read_bytes()))
    files, before = set(tmp_path.iterdir()), database.read_bytes()

    ran = isthmus(*arguments)

    assert ran.code != exits.OK
    assert ("isthmus migrate", "No hub answers")[arguments[0] in ASKING_A_HUB] in ran.out + ran.err
    assert (set(tmp_path.iterdir()), database.read_bytes()) == (files, before)


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_command_that_only_reads_waits_for_no_owner(
    isthmus: Isthmus, tmp_path: Path, arguments: list[str]
) -> None:
    demo_people(tmp_path)
    isthmus("import", "ana-instagram.zip", "--as", "direct/ana")
    isthmus("import", "ana-facebook.zip", "--as", "messenger/ana")
    isthmus("link", "make", "direct/ana", "messenger/ana")
    isthmus("link", "upgrade", "direct/ana")
    ownership = Ownership(tmp_path / "isthmus.db")

    ran = isthmus(*arguments)

    ownership.release()
    needs_a_hub = arguments[0] in ASKING_A_HUB
    assert (ran.code == exits.OK) is not needs_a_hub, ran.err
    assert ("No hub answers" in ran.out + ran.err) is needs_a_hub


def test_a_mistyped_database_is_not_made_by_bringing_it_up_to_date(isthmus: Isthmus, tmp_path: Path) -> None:
    ran = isthmus("migrate", "--db", "isthmsu.db")

    assert (ran.code, list(tmp_path.iterdir())) == (exits.FAILED, [])
    assert "There is no database at isthmsu.db" in ran.err


@pytest.mark.parametrize("place", ["missing/keys", "folder", "file/keys"])
def test_secrets_that_cannot_be_kept_where_they_should_say_what_to_do(
    isthmus: Isthmus, tmp_path: Path, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    ran = isthmus("account", "create", "direct/ana", "--no-password", "--set", f"store.keys={place}")

    assert ran.code == exits.USAGE
    assert f"can't be kept in {place}" in ran.err
    assert "--set store.keys=FILE" in ran.err


def test_a_database_of_a_version_that_knew_no_secrets_asks_for_them_too(
    isthmus: Isthmus, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    with sqlite3.connect(tmp_path / "isthmus.db") as raw:
        raw.execute("DELETE FROM marks WHERE name = 'keys'")
    raw.close()
    keys = tmp_path / "isthmus.db.keys"

    taken = isthmus("account", "set", "direct/ana", "--name", "Ana")
    keys.unlink()
    with sqlite3.connect(tmp_path / "isthmus.db") as raw:
        raw.execute("DELETE FROM marks WHERE name = 'keys'")
    raw.close()
    missing = isthmus("account", "set", "direct/ana", "--name", "Ana")

    assert (taken.code, missing.code) == (exits.OK, exits.USAGE)


def test_no_copy_of_secrets_takes_the_place_of_others(isthmus: Isthmus, tmp_path: Path) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    isthmus("backup", "copy.db")
    for other in ("new.db.keys", "second.db.keys"):
        (tmp_path / other).write_text("of another database")

    back = isthmus("restore", "copy.db", "--db", "new.db")
    saved = isthmus("backup", "second.db")
    (tmp_path / "third.db.keys").write_bytes((tmp_path / "copy.db.keys").read_bytes())
    same = isthmus("restore", "copy.db", "--db", "third.db")

    assert (back.code, saved.code, same.code) == (exits.FAILED, exits.FAILED, exits.OK)
    assert "new.db.keys is there and holds other secrets" in back.err
    assert (tmp_path / "second.db.keys").read_text() == "of another database"
    assert not (tmp_path / "new.db").exists()
    assert not (tmp_path / "second.db").exists()


def test_keys_that_cannot_be_read_are_said_before_a_backup_is_written(
    isthmus: Isthmus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    ran = isthmus("backup", "copy.db")

    assert (ran.code, "in isthmus.db.keys can't be read: Permission denied" in ran.err) == (
        exits.FAILED,
        True,
    )
    assert list(tmp_path.glob("copy*")) == []


def test_a_backup_says_that_it_is_without_keys(isthmus: Isthmus, tmp_path: Path) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    (tmp_path / "isthmus.db.keys").unlink()

    saved = isthmus("backup", "copy.db")
    back = isthmus("restore", "copy.db", "--db", "new.db")

    assert (saved.code, back.code) == (exits.OK, exits.OK)
    assert "without its keys" in saved.out
    assert "without its keys" in back.out
    assert isthmus("token", "mint", "direct/ana", "--db", "new.db").code == exits.USAGE


def test_an_audit_that_finds_a_contradiction_says_so_and_fails(isthmus: Isthmus, tmp_path: Path) -> None:
    (ana, *_) = demo_people(tmp_path / "archives")
    isthmus("import", ana.path)
    with sqlite3.connect(tmp_path / "isthmus.db") as raw:
        (table,) = raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'message%' ORDER BY name"
        ).fetchone()
        raw.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    raw.close()

    ran = isthmus("audit")

    assert ran.code == exits.FAILED
    assert "PROBLEM" in ran.out


def test_what_is_no_database_is_named_and_left_alone(isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "isthmus.db").write_text("a shopping list")

    ran = isthmus("account", "list")

    assert ran.code != 0
    assert "Traceback" not in ran.err
    assert (tmp_path / "isthmus.db").read_text() == "a shopping list"
