"""The generator of sample archives: the mix, both sides, the same again."""

from pathlib import Path

import pytest

from benchmarks.archives import Sample, demo_people, main, write_sample
from bridge.archive import open_archive
from bridge.archive.model import EdgeKind, Section
from tests.archive.making import read_all


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A small sample, forgery and all."""
    return write_sample(tmp_path_factory.mktemp("sample"), messages=5_000, seed=3, forged=True)


def test_a_sample_reads_whole_with_the_counts_it_tells(sample: Sample) -> None:
    for written in sample.archives:
        with open_archive([written.path]) as archive:
            threads = read_all(archive)
            list(archive.edges())

            assert (archive.network, archive.owner.name, archive.owner.handle) == (
                written.network,
                written.owner_name,
                written.handle,
            )
            assert (len(threads), sum(len(said) for _, said in threads)) == (
                written.threads,
                written.messages,
            )
            report = archive.report
            assert not report.skipped_rows.count + report.skipped_parts.count + report.broken_files.count
            assert not report.unknown_keys


def test_the_first_archive_has_the_size_asked_for_and_the_mix_of_a_real_one(sample: Sample) -> None:
    with open_archive([sample.archives[0].path]) as archive:
        threads = read_all(archive)

    report = archive.report
    total = sum(report.messages.values())
    assert total == 5_000
    assert 0.80 < report.messages["text"] / total < 0.92
    assert 0.03 < report.messages["photo"] / total < 0.09
    assert 0.05 < report.reactions / total < 0.11
    assert {Section.INBOX, Section.REQUESTS} <= set(report.threads)
    assert max(len(said) for _, said in threads) > total * 0.2
    texts = [message.text for _, said in threads for message in said]
    assert texts.count(sample.last_text) == 1


def test_both_sides_tell_one_chat_alike(sample: Sample) -> None:
    with open_archive([sample.archives[0].path]) as archive:
        hers = {tuple(said) for _, said in read_all(archive)}
    (other,) = [written for written in sample.archives if written.handle == sample.namesakes[0]]
    with open_archive([other.path]) as archive:
        theirs = {tuple(said) for _, said in read_all(archive)}

    assert hers & theirs


def test_two_archives_of_one_person_name_each_other_and_two_people_bear_one_name(sample: Sample) -> None:
    facebook, instagram = sample.archives[:2]
    with open_archive([facebook.path]) as one, open_archive([instagram.path]) as two:
        assert [link.name for link in one.links()] == [two.owner.handle]
        assert [link.name for link in two.links()] == [one.owner.name]
        assert one.upgrade() == two.upgrade() is not None
    names = {written.owner_name for written in sample.archives if written.handle in sample.namesakes}
    assert len(names) == 1


def test_a_forger_claims_what_nobody_else_does(sample: Sample) -> None:
    (forged,) = [written for written in sample.archives if written.handle == sample.forger]
    with open_archive([forged.path]) as archive, open_archive([sample.archives[0].path]) as first:
        assert first.owner.name in {edge.name for edge in archive.edges() if edge.kind is EdgeKind.FRIEND}
        assert forged.owner_name not in {edge.name for edge in first.edges()}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        write_sample(folder, messages=1_000, seed=seed)

    one, two, three = ([path.read_bytes() for path in sorted(folder.iterdir())] for folder in folders)
    assert one == two
    assert one != three


def test_the_cast_of_the_demonstration_is_whole(tmp_path: Path) -> None:
    written = demo_people(tmp_path)

    assert [(one.person, one.network) for one in written] == [
        ("ana", "direct"),
        ("ana", "messenger"),
        ("ben", "messenger"),
        ("cleo", "direct"),
        ("dan", "messenger"),
        ("emi", "direct"),
        ("emi", "messenger"),
    ]
    with open_archive([written[1].path]) as archive:
        sections = {head.title: head.section for head, _ in archive.threads()}
    assert sections == {
        "Ben Okafor": Section.INBOX,
        "Dan Novák": Section.REQUESTS,
        "Lake people": Section.INBOX,
    }


def test_the_command_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "a"), "--messages", "1000"]) == 0
    assert main(["--out", str(tmp_path / "b"), "--cast"]) == 0

    assert "ana-instagram.zip" in capsys.readouterr().out


def test_a_sample_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 5 people"):
        write_sample(tmp_path, people=2)
