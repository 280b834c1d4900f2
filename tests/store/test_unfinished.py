"""Files that are not whole yet: held by one, left alone by all others, gone when their writing fails."""

import errno
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bridge.errors import BridgeError, SetupError, StorageFull, StoreNotEmpty
from bridge.store.dump import Beginning, Item, read, write
from bridge.store.unfinished import unfinished
from tests.builders import ANA, make_account

NOTHING: Sequence[Path] = []


class Source:
    """A store with one account, whose walk can be looked into."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.refused: list[str] = []

    async def dump(self) -> AsyncIterator[Sequence[Item]]:
        yield [Beginning(epoch=1, items=1)]
        with pytest.raises(SetupError) as caught:
            await write(self.place, self)
        self.refused.append(caught.value.text)
        yield [make_account(ANA)]


def beside(path: Path) -> Sequence[Path]:
    return sorted(path.parent.glob(f"{path.name}*"))


async def test_two_dumps_to_one_place_do_not_mix(tmp_path: Path) -> None:
    source = Source(tmp_path / "copy")

    await write(source.place, source)

    assert source.refused == [f"Another copy is being written to {source.place}.part; wait for it."]
    assert [item async for piece in read(source.place) for item in piece][1:] == [make_account(ANA)]
    assert beside(source.place) == [source.place]


def test_what_a_killed_writer_left_is_written_anew_for_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "copy.part").write_bytes(b"half")

    with unfinished(tmp_path / "copy") as part:
        part.write_bytes(b"whole")

    assert (tmp_path / "copy").read_bytes() == b"whole"
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_whoever_fails_leaves_another_writers_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "copy"

    def fail() -> None:
        with unfinished(path) as part:
            part.unlink()
            part.write_text("another's")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    (part,) = beside(path)
    assert part.read_text() == "another's"


def test_nothing_takes_the_place_of_what_was_finished_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lexists = tmp_path / "copy", os.path.lexists
    looks: list[bool] = []

    def look(one: Path) -> bool:
        looks.append(lexists(one))
        path.write_text("another's")  # just after the first look
        return looks[-1]

    monkeypatch.setattr(os.path, "lexists", look)

    with pytest.raises(StoreNotEmpty), unfinished(path):
        pass

    assert looks == [False, True]
    assert (beside(path), path.read_text()) == ([path], "another's")


@pytest.mark.parametrize(
    ("code", "raised"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EFBIG, SetupError)]
)
def test_a_writing_that_fails_leaves_nothing_and_says_why(
    tmp_path: Path, code: int, raised: type[BridgeError]
) -> None:
    def fail() -> None:
        with unfinished(tmp_path / "copy") as part:
            part.write_text("half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(raised, match="copy"):
        fail()

    assert beside(tmp_path / "copy") == NOTHING


def test_a_link_of_that_name_is_not_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "copy.part").symlink_to(tmp_path / "mine")

    with pytest.raises(SetupError), unfinished(tmp_path / "copy"):
        pass

    assert (tmp_path / "copy.part").read_text() == "mine"
