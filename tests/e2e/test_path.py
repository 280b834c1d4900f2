"""The page that follows one message through the files says what happens, in the order in which it happens."""

import asyncio
import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from bridge.wire.commands import Send
from tests.hub.house import ANA, BEN, config, house

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "path.md").read_text()

STEP = re.compile(r"^\d+\. `(bridge/[\w/]+\.py)` `([\w.]+)`", re.MULTILINE)
FILE = re.compile(r"`(bridge/[\w/]+\.py)`")
LINK = re.compile(r"\]\(([\w./-]+\.md)\)")


class Footprints:
    """Notes which of the product's functions are entered, in order, on all threads."""

    def __init__(self) -> None:
        self.entered: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, what: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if what == "call" and "/bridge/" in file:
            name = "bridge/" + file.rpartition("/bridge/")[2]
            self.entered.append((name, frame.f_code.co_qualname))

    def __enter__(self) -> "Footprints":
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


async def walk(password_hash: str, tmp_path: Path) -> list[tuple[str, str]]:
    """Send a stranger's first message from Ben to Ana, both connected; give what was entered."""
    footprints = Footprints()
    threading.setprofile(footprints)  # the store's threads begin with the store
    try:
        async with house(password_hash, config(store={"path": str(tmp_path / "isthmus.db")})) as hub:
            await hub.add(ANA, BEN)
            thread = await hub.open(BEN, ANA)
            ana, ben = await hub.join(ANA), await hub.join(BEN)
            await asyncio.gather(ana.settled(), ben.settled())
            footprints.entered.clear()
            with footprints:
                await ben.ask(Send(thread=thread, text="hello", token="t"))
                await ana.event("message_sent")
            return list(footprints.entered)
    finally:
        threading.setprofile(None)


async def test_a_message_goes_the_way_that_the_page_shows(password_hash: str, tmp_path: Path) -> None:
    entered = iter(await walk(password_hash, tmp_path))
    steps = STEP.findall(PAGE)

    for step in steps:
        assert any(step == found for found in entered), f"{step} is not entered after the step before it"
    assert len(steps) == len(re.findall(r"^\d+\. ", PAGE, re.MULTILINE)) > 20


def test_the_steps_are_numbered_in_order() -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_method_that_is_named_exists() -> None:
    source = "\n".join(file.read_text() for file in (ROOT / "bridge").rglob("*.py"))
    methods = re.findall(r"`([A-Z]\w+)\.(\w+)`", PAGE)

    assert len(methods) > 15
    for owner, method in methods:
        bodies = re.findall(rf"^class {owner}\b(.+?)(?=^class |\Z)", source, re.MULTILINE | re.DOTALL)
        assert any(f"def {method}(" in body for body in bodies), f"{owner}.{method}"


def test_every_file_and_page_that_is_named_exists() -> None:
    files, pages = FILE.findall(PAGE), LINK.findall(PAGE)

    assert len(files) > 25
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert [name for name in pages if not (ROOT / "docs" / name).is_file()] == []
