"""The published documents of the wire: written with ``python -m bridge.wire.describe --write docs``.

``asyncapi.yaml`` and ``schema.json`` are made whole; in ``protocol.md`` the tables
between their marks are. Tests compare all three with the types.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.errors import SetupError
from bridge.wire.asyncapi import asyncapi
from bridge.wire.schema import json_schema
from bridge.wire.tables import tables

MADE: Final = "# Made from the types in bridge/wire by `python -m bridge.wire.describe --write docs`.\n"
PLAIN: Final = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z_][A-Za-z0-9_]*(?:[./-][A-Za-z0-9_]+)*", re.I
)
MARKED: Final = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def yaml(value: object, indent: str = "") -> str:
    """Write plain values as YAML that people can read; whatever could be misread stands in JSON's quotes."""
    if isinstance(value, Mapping) and value:
        return "".join(f"\n{indent}{_scalar(key)}:{yaml(item, indent + '  ')}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return "".join(f"\n{indent}-{_item(yaml(item, indent + '  '), indent)}" for item in value)
    return f" {_scalar(value)}"


def with_tables(page: str) -> str:
    """Put the tables between their marks in the page.

    Raises:
        SetupError: If the page lacks a table's marks, or has marks of no table.
    """
    made = tables()
    marked = [name for _, name, _ in MARKED.findall(page)]
    if sorted(marked) != sorted(made):
        wrong = ", ".join(sorted(set(marked) ^ set(made))) or "one twice"
        raise SetupError(f"The page's marks and the tables differ: {wrong}.")
    return MARKED.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}", page)


def documents(page: str) -> dict[str, str]:
    """Make every published document, by its file name.

    Args:
        page: What ``protocol.md`` says now.
    """
    return {
        "asyncapi.yaml": MADE + yaml(asyncapi()).lstrip("\n") + "\n",
        "schema.json": json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n",
        "protocol.md": with_tables(page),
    }


def main(arguments: Sequence[str]) -> None:
    """Write the documents into the folder that follows ``--write``.

    Raises:
        SetupError: If the command line is another one.
    """
    match arguments:
        case ["--write", folder]:
            page = (Path(folder) / "protocol.md").read_text(encoding="utf-8")
            for name, text in documents(page).items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
        case _:
            raise SetupError("Say where: python -m bridge.wire.describe --write docs")


def _scalar(value: object) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _item(text: str, indent: str) -> str:
    """Let a list's item begin on the line of its dash."""
    return text.replace(f"\n{indent}  ", " ", 1) if text.startswith("\n") else text


if __name__ == "__main__":
    main(sys.argv[1:])
