"""The hub's secrets: made whole or not at all, once."""

import errno
import os
from pathlib import Path

import pytest

from bridge.hub.keys import Keys, read_keys
from tests.hub.house import config


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    settings = config(store={"path": str(tmp_path / "hub.db")})

    made = read_keys(settings)

    assert read_keys(settings) == made
    assert [path.name for path in tmp_path.iterdir()] == ["hub.db.keys"]
    assert (tmp_path / "hub.db.keys").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_full_when_secrets_are_made_leaves_no_half_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(store={"path": str(tmp_path / "hub.db")})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            read_keys(settings)

    assert list(tmp_path.iterdir()) == []
    assert isinstance(read_keys(settings), Keys)


def test_hubs_that_make_the_secrets_of_one_database_at_once_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(store={"path": "postgresql://db/isthmus", "keys": tmp_path / "keys"})
    others: list[Keys] = []

    def be_second(handle: int) -> None:
        monkeypatch.undo()
        others.append(read_keys(settings))

    monkeypatch.setattr(os, "fsync", be_second)

    assert [read_keys(settings)] == others
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
