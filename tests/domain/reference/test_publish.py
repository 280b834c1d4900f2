"""The published page is the table that the rules are tested against."""

from bridge.domain.controls import CATEGORIES
from tests.domain.reference.fixture import load_rows
from tests.domain.reference.publish import PAGE, PEOPLE, SECTIONS, page


def test_the_page_on_controls_is_not_stale() -> None:
    published = PAGE.read_text(encoding="utf-8")

    assert published == page(), "run: python -m tests.domain.reference.publish"


def test_the_page_tells_every_row_and_every_control() -> None:
    text = page()

    assert {row.section for row in load_rows()} == set(SECTIONS)
    assert all(row.reason in text for row in load_rows())
    assert {(network, row.name) for network, rows in CATEGORIES.items() for row in rows} == set(PEOPLE)
