"""What a command prints moves no terminal, and says what an import left out."""

import pytest

from bridge.cli.archives import import_lines
from bridge.cli.printing import Printer

REPORT = {
    "dry_run": False,
    "network": "direct",
    "handle": "mallory",
    "name": "Mal\x1b]0;owned\x07",
    "threads": 1,
    "groups": 0,
    "messages": 1,
    "added": 1,
    "placeholders": 1,
    "follows": 0,
    "blocks": 0,
    "restricts": 0,
    "confirmed": 0,
    "claimed": 0,
    "links": [],
    "resolved": [],
    "problems": [],
    "archive": {
        "broken_files": {"count": 1, "first": [{"path": "cy_1/message_1.json", "reason": "not JSON"}]}
    },
}


def test_a_name_out_of_an_archive_cannot_move_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for line in import_lines(REPORT):
        Printer(json=False).line(line)
    Printer(json=False).error("bad", "no \x1b[31m\u202eaccount")

    printed = capsys.readouterr()
    assert "Mal?]0;owned?" in printed.out
    assert printed.err == "isthmus: no ?[31m?account\n"


def test_an_import_names_the_files_that_it_could_not_read() -> None:
    assert import_lines(REPORT)[-2:] == [
        "          1 files that cannot be read; the first:",
        "            cy_1/message_1.json: not JSON",
    ]


def test_an_import_says_that_its_parts_differ() -> None:
    repeated = {"count": 1, "first": [{"path": "ben_1/message_1.json", "reason": "the first was read"}]}

    lines = import_lines({**REPORT, "archive": {"repeated": repeated}})

    assert lines[-1] == "            ben_1/message_1.json: the first was read"


def test_an_import_names_accounts_by_handle_and_says_that_nothing_was_new() -> None:
    link = {"network": "messenger", "name": "Mal", "state": "linked", "account": "a1", "handle": "mal"}
    claim = {"network": "", "name": "elsewhere", "state": "claimed", "account": "", "handle": ""}
    ben = {"name": "Ben", "account": "a2", "handle": "ben"}

    lines = import_lines({**REPORT, "added": 0, "links": [link, claim], "resolved": [ben]})

    assert "          0 of them new here" in lines
    assert lines[-5:-2] == [
        "  link to messenger/mal: linked",
        "  link to an unknown network/elsewhere: claimed",
        "  Ben is direct/ben",
    ]
