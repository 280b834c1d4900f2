"""The whole cycle of an import, timed against a plain importer in the same run.

    python -m benchmarks.importing                      100,000 messages, and memory against 1,000,000
    python -m benchmarks.importing --large 0 --json -   the first half only, as JSON

The cycle begins when the ZIP is opened and ends when search has found the last
message, the audit has passed and a re-export equals the source. The plain
importer reads the same ZIP into one SQLite table with a full-text index, and
searches: no rules, no chain, no checksums, no audit, no export. Each run is a
process of its own, so that its peak memory is its own; runs take turns and
the best of each counts, since the machine is shared. Ours begins as the command
``isthmus import`` does (``bridge.process``); the plain importer as Python does.
"""

import argparse
import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time

import orjson
from msgspec import Struct, to_builtins

from benchmarks.archives import write_sample
from bridge.archive.text import undo_all
from bridge.ids import AccountId
from bridge.process import collect_rarely, give_blocks_back
from bridge.store.sqlite import SqliteStore
from bridge.transfer import export_person, import_archives

MOST_TIMES_PLAIN = 3.0
MOST_MEMORY = 1.10


class Run(Struct):
    """One run of one importer.

    Attributes:
        importer: ``plain`` or ``isthmus``.
        messages: How many.
        wall_s: Seconds by phase.
        cpu_s: Seconds of CPU by phase.
        peak_mib: The process's peak memory.
        proven: What the run has proven.
    """

    importer: str
    messages: int
    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    peak_mib: float = 0.0
    proven: list[str] = []

    @property
    def total_s(self) -> float:
        """Seconds of all phases together."""
        return sum(self.wall_s.values())

    @property
    def total_cpu_s(self) -> float:
        """Seconds of CPU of all phases together."""
        return sum(self.cpu_s.values())


class Clock:
    """Times the phases of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what the block does."""
        wall, cpu = perf_counter(), process_time()
        yield
        self._run.wall_s[name] = perf_counter() - wall
        self._run.cpu_s[name] = process_time() - cpu


def plain_importer(archive: Path, database: Path, last_text: str, clock: Clock) -> None:
    """Do what anybody would write first: ZIP, orjson, undo, one table, one index."""
    with clock.phase("import"):
        store = sqlite3.connect(database)
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE said (id INTEGER PRIMARY KEY, thread, sender, at, text, raw)")
        store.execute("CREATE VIRTUAL TABLE found USING fts5 (text, content = 'said', content_rowid = 'id')")
        with zipfile.ZipFile(archive) as files:
            for name in (name for name in files.namelist() if "/message_" in name):
                thread = undo_all(
                    orjson.loads(files.read(name))
                )  # every string is broken, names and keys too
                first = 1 + store.execute("SELECT coalesce(max(id), 0) FROM said").fetchone()[0]
                rows = [
                    (number, thread["title"], row["sender_name"], row["timestamp_ms"], row.get("content"),
                     orjson.dumps(row))
                    for number, row in enumerate(reversed(thread["messages"]), first)
                ]  # fmt: skip
                with store:
                    store.executemany("INSERT INTO said VALUES (?, ?, ?, ?, ?, ?)", rows)
                    texts = ((row[0], row[4]) for row in rows)
                    store.executemany("INSERT INTO found (rowid, text) VALUES (?, ?)", texts)
    with clock.phase("search"):
        (hits,) = store.execute(
            "SELECT count(*) FROM found WHERE found MATCH ?", (f'"{last_text}"',)
        ).fetchone()
    assert hits == 1, "the last message is found"
    store.close()


async def isthmus(archive: Path, folder: Path, last_text: str, clock: Clock, proven: list[str]) -> None:
    """Go through the whole cycle."""
    with clock.phase("import"):
        store = await SqliteStore.open(folder / "isthmus.db")
        report = await import_archives(store, [archive])
    owner = AccountId(report.account)
    with clock.phase("search"):
        hits = await store.search([owner], last_text, limit=2)
    assert len(hits) == 1, "the last message is found"
    proven.append("search finds the last message")
    with clock.phase("audit"):
        audited = await store.audit()
    assert not audited.problems, "the audit passes"
    assert audited.messages >= report.messages, "the audit saw every message"
    proven.append("the audit passes")
    with clock.phase("export"):
        await export_person(store, owner, folder / "again.zip")
    await store.close()
    assert _checksums(folder / "again.zip") == _checksums(archive), "the re-export equals the source"
    proven.append("the re-export equals the source, file by file")


def _checksums(archive: Path) -> dict[str, tuple[int, int]]:
    with zipfile.ZipFile(archive) as files:
        return {info.filename: (info.CRC, info.file_size) for info in files.infolist()}


def run_once(importer: str, archive: Path, messages: int, last_text: str) -> Run:
    """Run one importer in this process."""
    run = Run(importer, messages, {}, {})
    with tempfile.TemporaryDirectory() as folder:
        if importer == "plain":
            plain_importer(archive, Path(folder) / "plain.db", last_text, Clock(run))
        else:
            collect_rarely()
            give_blocks_back()
            asyncio.run(isthmus(archive, Path(folder), last_text, Clock(run), run.proven))
    run.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return run


def run_apart(importer: str, archive: Path, messages: int, last_text: str) -> Run:
    """Run one importer in a process of its own."""
    given = ["--one", importer, "--archive", str(archive), "--messages", str(messages), "--last", last_text]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", *given], check=True, stdout=subprocess.PIPE
    )
    return Run(**orjson.loads(done.stdout))


def compare(messages: int, large: int, rounds: int) -> dict[str, object]:
    """Measure both, and memory at two sizes."""
    with tempfile.TemporaryDirectory() as folder:
        sample = write_sample(Path(folder) / "sample", messages=messages)
        archive = sample.archives[0].path
        runs = [
            run_apart(importer, archive, messages, sample.last_text)
            for _ in range(rounds)
            for importer in ("plain", "isthmus")
        ]
        best = {
            name: min((run for run in runs if run.importer == name), key=lambda run: run.total_s)
            for name in ("plain", "isthmus")
        }
        found: dict[str, object] = {
            "messages": messages,
            "runs": [to_builtins(run) for run in runs],
            "plain_per_s": round(messages / best["plain"].total_s),
            "isthmus_per_s": round(messages / best["isthmus"].total_s),
            "times_plain": round(best["isthmus"].total_s / best["plain"].total_s, 2),
            "times_plain_cpu": round(best["isthmus"].total_cpu_s / best["plain"].total_cpu_s, 2),
            "at_most_times_plain": MOST_TIMES_PLAIN,
            "peak_mib": round(best["isthmus"].peak_mib, 1),
        }
        if large:
            bigger = write_sample(Path(folder) / "large", messages=large)
            grown = run_apart("isthmus", bigger.archives[0].path, large, bigger.last_text)
            found |= {
                "large_messages": large,
                "large_run": to_builtins(grown),
                "large_peak_mib": round(grown.peak_mib, 1),
                "memory_ratio": round(grown.peak_mib / best["isthmus"].peak_mib, 3),
                "at_most_memory_ratio": MOST_MEMORY,
            }
        return found


def table(found: dict[str, object]) -> str:
    """Show the figures to people."""
    lines = ["importer   phase     wall s    CPU s      messages/s"]
    runs = found["runs"]
    assert isinstance(runs, list), "a list of runs"
    for run in [Run(**one) for one in runs]:
        phases = [(phase, wall, run.cpu_s[phase]) for phase, wall in run.wall_s.items()]
        for phase, wall, cpu in [*phases, ("all", run.total_s, run.total_cpu_s)]:
            rate = run.messages / wall
            lines.append(f"{run.importer:10} {phase:8} {wall:8.2f} {cpu:8.2f} {rate:15,.0f}")
    lines.append(
        f"best of each: {found['times_plain']} × the plain importer's time (at most {MOST_TIMES_PLAIN}),"
        f" {found['times_plain_cpu']} × its CPU;"
        f" {found['isthmus_per_s']:,} messages/s"
    )
    if "memory_ratio" in found:
        lines.append(
            f"peak memory: {found['peak_mib']} MiB at {found['messages']:,} messages,"
            f" {found['large_peak_mib']} MiB at {found['large_messages']:,}:"
            f" {found['memory_ratio']} × (at most {MOST_MEMORY})"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with ``--gate`` 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.importing", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--messages", type=int, default=100_000, help="messages in the archive (default 100000)"
    )
    parser.add_argument("--large", type=int, default=1_000_000, help="for peak memory; 0: leave it out")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, the best counts (default 3)")
    parser.add_argument("--json", default="", help="write the figures as JSON, to a file or - for the output")
    parser.add_argument("--gate", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--one", choices=("plain", "isthmus"), help=argparse.SUPPRESS)
    parser.add_argument("--archive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--last", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        sys.stdout.write(
            json.dumps(to_builtins(run_once(given.one, given.archive, given.messages, given.last)))
        )
        return 0
    found = compare(given.messages, given.large, given.rounds)
    if given.json == "-":
        print(json.dumps(found, indent=2))
    else:
        print(table(found))
        if given.json:
            Path(given.json).write_text(json.dumps(found, indent=2) + "\n")
    return int(given.gate and not is_met(found))


def is_met(found: dict[str, object]) -> bool:
    """Say whether the goals are met: time against the plain importer, and flat memory if measured."""
    times, memory = found["times_plain"], found.get("memory_ratio", 0.0)
    assert isinstance(times, float), "a ratio"
    assert isinstance(memory, float), "a ratio"
    return times <= MOST_TIMES_PLAIN and memory <= MOST_MEMORY


if __name__ == "__main__":
    sys.exit(main())
