"""Fills the settings' record: command line over environment over file over defaults.

What is unknown, malformed or out of bounds is an error that says where it stands
and what was probably meant; nothing is guessed and nothing is ignored.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

from bridge.config import Config
from bridge.errors import ConfigInvalid

PREFIX: Final = "ISTHMUS_"
FILE_VARIABLE: Final = "ISTHMUS_CONFIG"
OTHERS: Final = frozenset({FILE_VARIABLE, "ISTHMUS_RELEASE"})  # variables of ours that are no settings
USUAL_FILE: Final = Path("isthmus.toml")

_UNITS: Final[dict[str, dict[str, float]]] = {
    "_s": {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400},
    "_ms": {"ms": 1, "s": 1_000},
    "_days": {"d": 1, "w": 7},
    "_bytes": {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
}
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "listen.port": (0, 65_535),
    "store.journal_days": (1, 36_500),
    "store.cache_records": (100, 10**9),
    "store.cache_bytes": (1024, 10**12),
    "store.answer_s": (0.1, 3_600),
    "limits.frame_bytes": (1_024, 64 * 2**20),
    "limits.send_queue_bytes": (1_024, 2**30),
    "limits.sign_in_s": (0.1, 3_600),
    "limits.calls_per_second": (0.1, 10**9),
    "limits.connects_per_second": (0.1, 10**9),
    "hub.heartbeat_s": (0.1, 3_600),
    "hub.gather_ms": (0, 1_000),
    "hub.batch": (1, 100_000),
    "hub.drain_s": (0, 600),
    "bus.poll_s": (0.05, 60),
}
_ORDINARY: Final = (1, 10**9)
_CHOICES: Final = {
    "policy.link_from": ("direct", "messenger", "either"),
    "policy.shut_networks": ("direct", "messenger"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}


_SHAPES: Final = {
    "bus.prefix": (r"[\w-]+(\.[\w-]+)*", "words of letters, digits, - and _ with dots between"),
    "bus.url": (
        r"((nats|tls)://[^\s,]+(\s*,\s*(nats|tls)://[^\s,]+)*[\s,]*)?",
        "nats://host:4222 or tls://host:4222",
    ),
}


class Setting(Struct, frozen=True, kw_only=True):
    """One setting.

    Attributes:
        name: As ``limits.frame_bytes``.
        kind: What it is made of: ``bool``, ``int``, ``float``, ``str``, ``Path`` or ``tuple``.
        default: What it is when nobody says otherwise.
        meaning: One sentence.
    """

    name: str
    kind: type
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The environment's name for it."""
        return PREFIX + self.name.upper().replace(".", "__")

    @property
    def units(self) -> Mapping[str, float]:
        """What may stand behind its number, and how many of the setting's own unit that is."""
        for end, units in _UNITS.items():
            if self.name.endswith(end):
                return units
        return {}


class Settings(Struct, frozen=True, kw_only=True):
    """The settings, and where each that is no default comes from.

    Attributes:
        config: The record.
        origins: By setting: a file, a variable, or ``command line``.
        file: The file that was read, if there was one.
    """

    config: Config
    origins: Mapping[str, str]
    file: Path | None = None


@cache
def all_settings() -> Mapping[str, Setting]:
    """List every setting by its name, in the order of the record."""
    return {setting.name: setting for setting in _settings(Config, "")}


def _settings(record: type[Struct], section: str) -> Iterator[Setting]:
    told = meanings(record)
    for field in fields(record):
        name = section + field.name
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _settings(field.type, f"{name}.")
        else:
            yield Setting(name=name, kind=_kind(field.type), default=field.default, meaning=told[field.name])


def _kind(annotation: Any) -> type:
    if get_origin(annotation) is tuple:
        return tuple
    inner = [part for part in get_args(annotation) if part is not type(None)]
    kind: type = inner[0] if inner else annotation
    return kind


def meanings(record: type[Struct]) -> dict[str, str]:
    """Read what the fields mean where it is written: in the record's docstring."""
    # Python 3.13 takes away the indentation by itself, earlier ones leave it.
    _, _, listed = cleandoc(record.__doc__ or "").partition("Attributes:\n")
    return {
        name: " ".join(text.split())
        for name, text in re.findall(r"^ {4}(\w+): (.+(?:\n {6,}.+)*)", listed, re.MULTILINE)
    }


def load(*, file: Path | None, environ: Mapping[str, str], given: Mapping[str, str]) -> Settings:
    """Read all layers.

    Args:
        file: The file named on the command line; else the one that ``ISTHMUS_CONFIG`` names; else
            ``isthmus.toml`` in the present folder, if it is there.
        environ: The environment.
        given: The command line's settings, by name.

    Raises:
        ConfigInvalid: If anything of it is unknown, malformed or out of bounds.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    found = _file(file, environ)
    layers = (_of_file(found) if found else iter(()), _of_environment(environ), _of_command_line(given))
    for layer in layers:
        for setting, value, origin in layer:
            values[setting.name] = value
            origins[setting.name] = origin
    config = _record(Config, "", values)
    if (config.listen.tls_cert is None) != (config.listen.tls_key is None):
        raise ConfigInvalid(
            "A certificate and its key go together: give both or neither.", path="$.listen.tls_key"
        )
    return Settings(config=config, origins=origins, file=found)


def _record(record: type[Any], section: str, values: Mapping[str, Any]) -> Any:
    filled = {}
    for field in fields(record):
        name = section + field.name
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            filled[field.name] = _record(field.type, f"{name}.", values)
        elif name in values:
            filled[field.name] = values[name]
    return record(**filled)


# --- layers


Found = Iterator[tuple[Setting, Any, str]]


def _file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    if given is not None:
        return given
    if named := environ.get(FILE_VARIABLE):
        return Path(named)
    return USUAL_FILE if USUAL_FILE.is_file() else None


def _of_file(path: Path) -> Found:
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as wrong:
        raise ConfigInvalid(
            f"{path} can't be read: {wrong.strerror}. Write one with: isthmus config init"
        ) from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ConfigInvalid(f"{path} is not TOML: {wrong}") from wrong
    for key, value in tables.items():
        known = all_settings()
        inside = value.items() if isinstance(value, dict) else ()
        if isinstance(value, dict) and not any(name.startswith(f"{key}.") for name in known):
            raise _unknown(key, str(path))
        entries = (
            [(f"{key}.{name}", inner) for name, inner in inside]
            if isinstance(value, dict)
            else [(key, value)]
        )
        for name, raw in entries:
            setting = known.get(name)
            if setting is None:
                raise _unknown(name, str(path))
            yield setting, _beside(path, setting, _value(setting, raw, str(path))), str(path)


def _beside(path: Path, setting: Setting, value: Any) -> Any:
    """Take a path in a file as seen from the file, wherever the hub is started."""
    if setting.kind is Path and value is not None:
        return path.parent / value
    if setting.name == "store.path" and value:
        return str(path.parent / value)
    return value


def _of_environment(environ: Mapping[str, str]) -> Found:
    by_variable = {setting.variable: setting for setting in all_settings().values()}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in OTHERS:
            continue
        setting = by_variable.get(variable)
        if setting is None and (setting := by_variable.get(variable.removesuffix("_FILE"))) is not None:
            if variable.removesuffix("_FILE") in environ:
                raise ConfigInvalid(
                    f"{variable} and {setting.variable} say the same thing: keep one of them."
                )
            text = _kept_in(Path(text), variable)
        if setting is None:
            near = difflib.get_close_matches(variable, by_variable, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See: isthmus config env"
            raise ConfigInvalid(f"There is no setting {variable}. {hint}", path=f"${variable}")
        yield setting, _value(setting, text, variable, is_text=True), variable


def _kept_in(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise ConfigInvalid(f"{variable}: {path} can't be read: {wrong}") from wrong


def _of_command_line(given: Mapping[str, str]) -> Found:
    for name, text in given.items():
        setting = all_settings().get(name)
        if setting is None:
            raise _unknown(name, "the command line")
        yield setting, _value(setting, text, "the command line", is_text=True), "command line"


def _unknown(name: str, where: str) -> ConfigInvalid:
    sections = {setting.partition(".")[0] for setting in all_settings() if "." in setting}
    known = [*all_settings(), *sections]
    ends = {setting.rpartition(".")[2]: setting for setting in all_settings()}
    near = difflib.get_close_matches(name, known, n=1)
    close = difflib.get_close_matches(name.rpartition(".")[2], ends, n=1)
    meant = near[0] if near else ends[close[0]] if close else ""
    hint = f"Did you mean {meant}?" if meant else "See: isthmus config show --defaults"
    if name in sections:
        one = next(setting for setting in all_settings() if setting.startswith(f"{name}."))
        hint = f"It is a section; its settings are {one} and the like."
    return ConfigInvalid(f"{where}: there is no setting {name!r}. {hint}", path=f"$.{name}")


# --- values


def _value(setting: Setting, raw: object, where: str, *, is_text: bool = False) -> Any:
    """Read a value; text of the environment or the command line is read as its setting's kind."""
    try:
        value = _read(setting, raw, is_text)
    except ValueError as wrong:
        raise ConfigInvalid(f"{where}: {setting.name} {wrong}.", path=f"$.{setting.name}") from wrong
    return value


def _read(setting: Setting, raw: object, is_text: bool) -> Any:
    if setting.kind is bool:
        return _switch(raw, is_text)
    if setting.kind in (int, float):
        return _number(setting, raw, is_text)
    if setting.kind is tuple:
        return _words(setting, raw, is_text)
    if not isinstance(raw, str) or "\0" in raw:
        raise ValueError(f"must be text, not {raw!r}")
    if setting.kind is Path:
        return Path(raw) if raw else None
    if not raw and setting.default and setting.name != "store.path":
        raise ValueError("must not be empty")
    return _one_of(setting, raw)


def _switch(raw: object, is_text: bool) -> bool:
    if isinstance(raw, bool):
        return raw
    word = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if is_text and isinstance(raw, str) and raw.strip().lower() in word:
        return word[raw.strip().lower()]
    raise ValueError(f"must be true or false, not {raw!r}")


def _number(setting: Setting, raw: object, is_text: bool) -> float:
    if isinstance(raw, str) and (is_text or setting.units):
        value = _measured(setting, raw)
    elif isinstance(raw, int | float) and not isinstance(raw, bool):
        value = raw
    else:
        raise ValueError(f"must be a number{_with_units(setting)}, not {raw!r}")
    least, most = _BOUNDS.get(setting.name, _ORDINARY)
    if not math.isfinite(value) or not least <= value <= most:
        raise ValueError(f"must lie between {least:,.15g} and {most:,.15g}, not at {raw!r}")
    if setting.kind is int:
        if value != int(value):
            raise ValueError(f"must be a whole number, not {raw!r}")
        return int(value)
    return float(value)


def _measured(setting: Setting, text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)\s*([A-Za-z]*)", text.strip())
    factor = None if found is None else {"": 1.0, **setting.units}.get(found[2])
    if found is None or factor is None:
        raise ValueError(f"must be a number{_with_units(setting)}, not {text!r}")
    return float(found[1]) * factor


def _with_units(setting: Setting) -> str:
    return f", or one with {', '.join(setting.units)} behind it" if setting.units else ""


def _words(setting: Setting, raw: object, is_text: bool) -> tuple[str, ...]:
    if is_text and isinstance(raw, str):
        words = tuple(word.strip() for word in raw.split(",") if word.strip())
    elif isinstance(raw, list) and all(isinstance(word, str) and word for word in raw):
        words = tuple(raw)
    else:
        raise ValueError(f"must be a list of words, not {raw!r}")
    for word in words:
        _one_of(setting, word)
    return words


def _one_of(setting: Setting, word: str) -> str:
    choices = _CHOICES.get(setting.name)
    if choices and word not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}, not {word!r}")
    shape, meaning = _SHAPES.get(setting.name, ("", ""))
    if shape and not re.fullmatch(shape, word, re.ASCII):
        raise ValueError(f"must be {meaning}")  # what it is may hold a password
    return word
