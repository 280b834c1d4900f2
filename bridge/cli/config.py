"""``isthmus config``: write, check and show the settings."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from bridge.cli.exits import NO_ROOM
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import HIDDEN, shown
from bridge.config import Config
from bridge.errors import SetupError, StorageFull
from bridge.settings import FILE_VARIABLE, USUAL_FILE, Setting, all_settings

app = App(name="config", help="Write, check and show the settings: command line over environment over file.")


@app.command
def init(
    to: Path = USUAL_FILE,
    /,
    *,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = NO_OPTIONS,
) -> None:
    """Write a settings file with every setting, its default and its meaning.

    Args:
        to: Where to.
        force: Replace what is there.
        common: Options of every command.
    """
    if to.is_dir():
        raise SetupError(f"{to} is a folder; name a file.")
    part = to.with_name(f"{to.name}.part")
    if to.exists() and not force:
        raise SetupError(f"{to} is there already; replace it with --force.")
    try:
        part.write_text("".join(f"{line}\n" for line in _file_lines()), encoding="utf-8")
        part.replace(to)  # at once: a full disk takes nothing away
    except OSError as wrong:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if wrong.errno in NO_ROOM:
            raise StorageFull(f"There is no room for {to}.") from wrong
        raise SetupError(f"{to} can't be written: {wrong.strerror}.") from wrong
    common.printer.data({"written": str(to)})
    common.printer.line(f"Wrote {to}. Change what you like, then: isthmus config check --config {to}")


def _file_lines() -> Iterator[str]:
    yield "# Settings of a hub. What is left out has its default; environment and command line come first."
    by_section: dict[str, list[Setting]] = {}
    for setting in all_settings().values():
        by_section.setdefault(setting.name.rpartition(".")[0], []).append(setting)
    for section in sorted(by_section, key=bool):  # what has no section must stand before the first one
        yield ""
        if section:
            yield f"[{section}]"
        for setting in by_section[section]:
            yield f"# {setting.meaning}"
            shown = "" if setting.default is None else toml(setting.default)
            yield f"# {setting.name.rpartition('.')[2]} = {shown or chr(34) * 2}"


def toml(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, int | float):
        return str(value)
    return msgspec.json.encode(str(value)).decode()  # a TOML string is written as JSON writes it


@app.command
def check(*, common: Common = NO_OPTIONS) -> None:
    """Check the settings without starting anything."""
    settings = common.settings()
    common.printer.data({"file": settings.file and str(settings.file), "set": dict(settings.origins)})
    where = f"{settings.file} and the environment" if settings.file else "The environment"
    common.printer.line(
        f"{where} are fine: {len(settings.origins)} of {len(all_settings())} settings are set."
    )


@app.command
def show(*, defaults: Annotated[bool, Parameter(negative="")] = False, common: Common = NO_OPTIONS) -> None:
    """Show every setting as it is, and where it comes from.

    Args:
        defaults: Show the defaults instead.
        common: Options of every command.
    """
    config, origins = (Config(), {}) if defaults else (lambda s: (s.config, s.origins))(common.settings())
    rows = [(name, _at(config, name), origins.get(name, "default")) for name in all_settings()]
    common.printer.data({name: {"value": value, "from": origin} for name, value, origin in rows})
    common.printer.table(
        ("SETTING", "VALUE", "FROM"), ((name, toml(_plain(v)), origin) for name, v, origin in rows)
    )


@app.command
def env(*, common: Common = NO_OPTIONS) -> None:
    """List the environment's name of every setting; NAME_FILE reads the value from a file."""
    rows = [(one.variable, _now(one.variable), one.meaning) for one in all_settings().values()]
    rows.insert(0, (FILE_VARIABLE, _now(FILE_VARIABLE), "The settings' file."))
    common.printer.data({variable: {"value": value, "meaning": meaning} for variable, value, meaning in rows})
    common.printer.table(("VARIABLE", "NOW", "MEANING"), rows)


def _now(variable: str) -> str:
    value = os.environ.get(variable, "")
    return HIDDEN if value and is_secret(variable) else shown(value)


def _at(config: Config, name: str) -> Any:
    section, _, field = name.rpartition(".")
    value = getattr(getattr(config, section) if section else config, field)
    if value and is_secret(name):
        return HIDDEN
    return shown(value) if isinstance(value, str) else value


def is_secret(name: str) -> bool:
    """Say whether a setting's or variable's value is never shown."""
    return name.lower().endswith(("password", "token"))


def _plain(value: Any) -> Any:
    return "" if value is None else value
