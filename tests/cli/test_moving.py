"""Moving a database to PostgreSQL from the command line, and bringing one up to date."""

import shlex
from pathlib import Path

import pytest

from bridge.cli import exits
from bridge.cli.printing import shown
from bridge.store.sqlite.ownership import Ownership
from tests.cli.conftest import Isthmus
from tests.store.engines import Postgres


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """An empty database."""
    return Postgres().dsn(tmp_path)


def test_a_database_is_moved_and_answers_from_its_new_place(
    isthmus: Isthmus, dsn: str, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    keys = f"store.keys={tmp_path / 'isthmus.db.keys'}"

    moved = isthmus("move", "isthmus.db", "--db", dsn, "--json")
    shown = isthmus("account", "show", "direct/ana", "--db", dsn, "--set", keys, "--json")
    again = isthmus("move", "isthmus.db", "--db", dsn)

    assert (moved.code, moved.data["problems"]) == (0, [])
    assert shown.data["account"] == "direct/ana"
    assert (again.code, "empty" in again.err) == (exits.FAILED, True)


def test_nothing_is_moved_from_under_a_hub_that_runs(isthmus: Isthmus, dsn: str, tmp_path: Path) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    ownership = Ownership(tmp_path / "isthmus.db")

    ran = isthmus("move", "isthmus.db", "--db", dsn)

    ownership.release()
    assert ran.code != 0
    assert "stop it first" in ran.err


@pytest.mark.parametrize(
    ("arguments", "hint"), [(["isthmus.db"], "postgresql://"), (["none.db", "--db"], "no database")]
)
def test_what_cannot_be_moved_is_said(isthmus: Isthmus, dsn: str, arguments: list[str], hint: str) -> None:
    ran = isthmus("move", *arguments, *([dsn] if arguments[-1] == "--db" else []))

    assert ran.code != 0
    assert hint in ran.err


def test_a_database_is_brought_up_to_date(isthmus: Isthmus, dsn: str) -> None:
    ran = isthmus("migrate", "--db", dsn)

    assert ran.code == 0
    assert isthmus("audit", "--db", dsn, "--json").data["problems"] == []


def test_a_backup_of_one_database_is_restored_into_another(
    isthmus: Isthmus, dsn: str, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    isthmus("move", "isthmus.db", "--db", dsn)
    elsewhere = Postgres().dsn(tmp_path / "elsewhere")
    keys = f"store.keys={tmp_path / 'isthmus.db.keys'}"

    saved = isthmus("backup", "copy", "--db", dsn, "--set", keys)
    back = isthmus("restore", "copy", "--db", elsewhere, "--set", keys)

    assert (saved.code, back.code) == (0, 0)
    assert isthmus("account", "show", "direct/ana", "--db", elsewhere, "--set", keys).code == 0


def test_a_restored_database_is_named_as_it_was_and_its_hubs_get_the_keys_of_before(
    isthmus: Isthmus, dsn: str, tmp_path: Path
) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")
    isthmus("move", "isthmus.db", "--db", dsn)
    isthmus("backup", "copy", "--db", dsn, "--set", f"store.keys={tmp_path / 'isthmus.db.keys'}")
    elsewhere = Postgres().dsn(tmp_path / "elsewhere")

    back = isthmus("restore", "copy", "--db", elsewhere)

    assert back.code == 0
    assert shlex.quote(elsewhere) in back.out
    assert "store.keys=copy.keys" in back.out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://me:p%40ss@db:5432/isthmus", "postgresql://me:(hidden)@db:5432/isthmus"),
        ("postgresql://me@db/isthmus?password=p&x=1", "postgresql://me@db/isthmus?password=(hidden)&x=1"),
        ("nats://a:b@one:1,nats://c:d@two:2", "nats://a:(hidden)@one:1,nats://c:(hidden)@two:2"),
        ("postgresql://db:5432/isthmus", "postgresql://db:5432/isthmus"),
        ("here/isthmus.db", "here/isthmus.db"),
    ],
)
def test_no_password_of_an_address_is_printed(isthmus: Isthmus, address: str, said: str) -> None:
    assert shown(address) == said
    assert said in isthmus("config", "show", "--db", address).out


def test_hubs_on_postgresql_are_not_said_to_be_away(isthmus: Isthmus, dsn: str, tmp_path: Path) -> None:
    ran = isthmus("top", "--once", "--db", dsn, "--set", f"store.keys={tmp_path / 'keys'}")

    assert ran.code == exits.UNAVAILABLE
    assert "/metrics" in ran.err


def test_other_secrets_than_those_a_database_is_used_with_are_refused_until_they_are_chosen(
    isthmus: Isthmus, dsn: str, tmp_path: Path
) -> None:
    ours, others = ([f"--db={dsn}", f"--set=store.keys={tmp_path / name}"] for name in ("ours", "others"))
    listing = ("token", "mint", "direct/ana")  # which writes; looking asks for no secrets
    assert isthmus("account", "create", "direct/ana", "--no-password", *ours).code == 0

    missing = isthmus(*listing, *others)
    still = isthmus(*listing, *ours)
    chosen = isthmus("migrate", "--new-keys", *others)
    now = isthmus(*listing, *others)
    wrong = isthmus(*listing, *ours)

    assert (missing.code, "not there" in missing.err) == (exits.USAGE, True)
    assert (still.code, chosen.code, now.code) == (0, 0, 0)
    assert (wrong.code, "other secrets" in wrong.err) == (exits.USAGE, True)
