"""Dumps go on being read by later versions."""

from pathlib import Path
from zlib import crc32

import msgspec

from bridge.store.dump import read
from tests.builders import ANA, BEN, make_tie


async def test_a_dump_whose_ties_hold_yes_or_no_is_read(tmp_path: Path) -> None:
    tie = {"owner": ANA, "other": BEN, "follows": True, "blocks": True, "restricts": False, "hides": True}
    frames = [
        len(body).to_bytes(4) + crc32(body).to_bytes(4) + body
        for body in (msgspec.msgpack.encode(("Tie", [tie])), b"")
    ]
    (tmp_path / "dump").write_bytes(b"isthmus dump 1\n" + b"".join(frames))

    pieces = [piece async for piece in read(tmp_path / "dump")]

    assert pieces == [[make_tie(ANA, BEN, follows=True, blocks=True, hides=True)]]
    assert type(pieces[0][0].blocks).__name__ == "Hold"  # type: ignore[union-attr]  # it is a tie
