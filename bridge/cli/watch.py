"""``isthmus top`` and ``isthmus check``: how a running hub does, for people and for monitors."""

import asyncio
import shutil
import ssl
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from bridge.cli.exits import OK
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import Printer
from bridge.cli.reach import ask
from bridge.config import Config
from bridge.errors import BridgeError
from bridge.hub import orders

WARNING, CRITICAL, UNKNOWN = 1, 2, 3
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""What ``isthmus check`` says, and exits with: the codes that monitors know."""

_CLEAR = "\x1b[H\x1b[2J"
_DAY_S = 86_400.0


def top(
    *,
    once: Annotated[bool, Parameter(name=["--once", "-o"], negative="")] = False,
    every: float = 2.0,
    common: Common = NO_OPTIONS,
) -> None:
    """Watch a running hub: what it does a second, and what it has done.

    Args:
        once: One look, then leave.
        every: Seconds between two looks.
        common: Options of every command.
    """
    config, printer = common.read(), common.printer
    before: Mapping[str, Any] | None = None
    while True:
        now = ask(config, orders.ReadStatus(), printer)
        printer.data(now)
        if sys.stdout.isatty() and not once:
            print(_CLEAR, end="", flush=True)  # a line for people would show it, not do it
        for line in top_lines(now, before):
            printer.line(line)
        if once:
            return
        before = now
        time.sleep(min(max(0.1, every), _DAY_S))


def top_lines(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    """Write one look at a hub; rates are those since the look before, or since the start."""
    then = before["metrics"] if before else {}
    seconds = max(0.001, now["up_s"] - (before["up_s"] if before else 0.0))
    lines = [
        f"isthmus {now['version']} on {now['url']}, process {now['process']}, up {now['up_s']:,.0f} s",
        "",
    ]
    lines.append(f"{'METRIC':<40} {'NOW':>16} {'A SECOND':>12}")
    for name, value in now["metrics"].items():
        total = _total(value)
        rate = (total - _total(then.get(name, 0))) / seconds
        a_second = f"{rate:,.1f}" if name.endswith("_total") else ""
        lines.append(f"{name:<40} {total:>16,.6g} {a_second:>12}".rstrip())
        if isinstance(value, Mapping):
            lines += [f"  {label:<38} {count:>16,}" for label, count in sorted(value.items())]
    return lines


def _total(value: Any) -> float:
    return float(sum(value.values()) if isinstance(value, Mapping) else value)


def check(
    *,
    format: Literal["text", "nagios", "json", "prometheus"] = "text",
    warn_connections: float = 80.0,
    critical_connections: float = 95.0,
    warn_commit: float = 1.0,
    critical_commit: float = 5.0,
    warn_disk: float = 10.0,
    critical_disk: float = 3.0,
    common: Common = NO_OPTIONS,
) -> int:
    """Probe a hub's health; exit with 0 (ok), 1 (warning), 2 (critical) or 3 (unknown).

    Args:
        format: text, nagios (one line), json or prometheus.
        warn_connections: Warn from so many percent of the most connections.
        critical_connections: Likewise, critical.
        warn_commit: Warn if a transaction took so many seconds.
        critical_commit: Likewise, critical.
        warn_disk: Warn if the disk has less than so many percent free.
        critical_disk: Likewise, critical.
        common: Options of every command.
    """
    form = "json" if common.json else format
    try:
        found = _look(common.read())
    except BridgeError as wrong:
        found = [("hub", CRITICAL if wrong.code != "config_invalid" else UNKNOWN, 0.0, wrong.text)]
    else:
        limits = {
            "connections": (warn_connections, critical_connections),
            "commit": (warn_commit, critical_commit),
            "disk": (-warn_disk, -critical_disk),  # the less, the worse
        }
        found = [_judge(*one, limits.get(one[0])) for one in found]
    worst = max(level for _, level, _, _ in found)
    _tell_health(form, found, worst)
    return worst


Finding = tuple[str, int, float, str]


def _look(config: Config) -> list[Finding]:
    status = ask(config, orders.ReadStatus(), Printer(json=True))
    metrics = status["metrics"]
    share = 100 * metrics["isthmus_connections"] / config.limits.connections
    disk = shutil.disk_usage(Path(config.store.path).absolute().parent)
    free = 100 * disk.free / disk.total
    ready = asyncio.run(_is_ready(status["url"]))
    return [
        ("hub", OK, status["up_s"], f"up {status['up_s']:,.0f} s at {status['url']}"),
        ("ready", OK if ready else CRITICAL, float(ready), "takes connections" if ready else "is not ready"),
        ("connections", OK, share, f"{share:.1f} % of the most connections"),
        ("commit", OK, metrics["isthmus_commit_max_seconds"], "s took the longest transaction"),
        ("disk", OK, free, f"{free:.1f} % of the disk is free"),
    ]


def _judge(name: str, level: int, value: float, text: str, limits: tuple[float, float] | None) -> Finding:
    if limits is not None:
        measured = -value if limits[0] < 0 else value
        level = CRITICAL if measured >= limits[1] else WARNING if measured >= limits[0] else OK
    shown = f"{value:.3f} {text}" if name == "commit" else text
    return name, level, value, shown


async def _is_ready(url: str) -> bool:
    """Ask the hub's own port whether it is ready; whether its certificate is good is its clients' matter."""
    scheme, _, address = url.partition("://")
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(5):
            tls = _any_certificate() if scheme == "wss" else None
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=tls)
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.readline()
            writer.close()
            with suppress(OSError):  # it was answered
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in answer


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _tell_health(form: str, found: list[Finding], worst: int) -> None:
    if form == "json":
        printer = Printer(json=True)
        checks = [
            {"check": name, "state": WORDS[level], "value": value, "text": text}
            for name, level, value, text in found
        ]
        printer.data({"state": WORDS[worst], "checks": checks})
    elif form == "nagios":
        numbers = " ".join(f"{name}={value:.6g}" for name, _, value, _ in found)
        reasons = "; ".join(text for _, level, _, text in found if level == worst)
        print(f"ISTHMUS {WORDS[worst]} - {reasons} | {numbers}")
    elif form == "prometheus":
        print(
            "# HELP isthmus_check_state 0 ok, 1 warning, 2 critical, 3 unknown.\n"
            "# TYPE isthmus_check_state gauge"
        )
        for name, level, _, _ in found:
            print(f'isthmus_check_state{{check="{name}"}} {level}')
    else:
        for name, level, _, text in found:
            print(f"{WORDS[level]:<9} {name:<12} {text}")
