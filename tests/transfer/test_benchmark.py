"""The import's benchmark proves what it times, and says so."""

from pathlib import Path

from benchmarks.archives import write_sample
from benchmarks.importing import Run, is_met, run_once, table


def test_both_importers_find_the_last_message_of_one_archive(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, messages=1_000)
    archive = sample.archives[0].path

    plain, ours = [run_once(name, archive, 1_000, sample.last_text) for name in ("plain", "isthmus")]

    assert set(plain.wall_s) == {"import", "search"}
    assert set(ours.wall_s) == {"import", "search", "audit", "export"}
    assert ours.proven == [
        "search finds the last message",
        "the audit passes",
        "the re-export equals the source, file by file",
    ]
    assert ours.peak_mib > 0


def test_the_table_names_every_figure() -> None:
    run = Run("isthmus", 100, {"import": 2.0}, {"import": 1.0})
    found: dict[str, object] = {
        "runs": [{"importer": "isthmus", "messages": 100, "wall_s": run.wall_s, "cpu_s": run.cpu_s}],
        "times_plain": 2.5, "times_plain_cpu": 3.0, "isthmus_per_s": 50, "messages": 100, "peak_mib": 80.0,
        "large_messages": 1_000, "large_peak_mib": 84.0, "memory_ratio": 1.05,
    }  # fmt: skip

    shown = table(found)

    assert "2.5 × the plain importer's time" in shown
    assert "1.05 ×" in shown
    assert "50 messages/s" in shown


def test_goals_are_ratios_of_one_run() -> None:
    assert is_met({"times_plain": 3.0, "memory_ratio": 1.1})
    assert is_met({"times_plain": 1.0})
    assert not is_met({"times_plain": 3.01})
    assert not is_met({"times_plain": 1.0, "memory_ratio": 1.2})
