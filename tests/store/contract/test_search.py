"""Search: all words, the last as a beginning, in threads shown to who asks; whatever the script."""

import pytest

from bridge.store.base import Store
from bridge.wire.values import Folder
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    Talk,
    keep,
    keep_told,
    make_group,
    make_pair_thread,
    make_people,
    make_segment,
)


async def keep_texts(store: Store, *texts: str | None) -> Talk:
    talk = make_pair_thread()
    for text in texts:
        talk.say(ANA, text)
    await keep(store, *make_people(), *talk.kept)
    return talk


async def found(store: Store, text: str, limit: int = 50) -> list[int]:
    return [message.seq for _, message in await store.search([ANA], text, limit=limit)]


FINDS = [
    ("hello world", "hello"),
    ("hello world", "world"),
    ("hello world", "HELLO World"),
    ("hello world", "world hello"),
    ("hello world", "hello wor"),
    ("hello world", "h"),
    ("hello, world!", "world"),
    ("hello-world", "hello world"),
    ("don't", "don't"),
    ("room 101", "101"),
    ("a_b", "a_b"),
    ("Café Zoë", "cafe zoe"),
    ("cafe zoe", "Café Zoë"),
    ("cafe\u0301", "café"),
    ("ÅNGSTRÖM", "angstrom"),
    ("Straße", "strasse"),
    ("STRASSE", "straße"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("Привет, мир", "привет МИР"),
    ("ＡＢＣ １２３", "abc 123"),
    ("abc 123", "ＡＢＣ"),
    ("ﬁne", "fine"),
    ("ｶﾞﾗｽ", "ガラス"),
    ("日本語のテキスト", "本語"),
    ("日本語のテキスト", "日本語のテキスト"),
    ("日本語のテキスト", "語"),
    ("日本語のテキスト", "スト"),
    ("私は日本語を話す", "日本 話す"),
    ("你好世界", "世界"),
    ("안녕하세요", "녕하"),
    ("see 日本 soon", "soon 日本"),
    ("well done 👍", "👍"),
    ("👍👍🎉", "🎉"),
    ("hi👋there", "there 👋"),
    ("all of us 👨‍👩‍👧", "👨‍👩‍👧"),
    ("from 🇩🇪", "🇩🇪"),
    ("❤️", "❤️"),
    ("शुभ प्रभात", "प्रभात"),
    ("مرحبا بالعالم", "مرحبا"),
    ("mail me at ana@example.org", "ana@example.org"),
    ("https://example.org/path?q=1", "example.org"),
]


@pytest.mark.parametrize(("said", "sought"), FINDS)
async def test_a_search_finds(store: Store, said: str, sought: str) -> None:
    await keep_texts(store, "zzz", said, "🐢")

    assert await found(store, sought) == [2]


MISSES = [
    ("hello world", "ello"),
    ("hello world", "hell world"),
    ("hello world", "hello worlds"),
    ("hello", "hello there"),
    ("日本語", "本日"),
    ("日本 語学", "本語"),
    ("👍", "👎"),
    ("good", "👍"),
    ("hello world", ""),
    ("hello world", "   "),
    ("hello world", "\n\t"),
]


@pytest.mark.parametrize(("said", "sought"), MISSES)
async def test_a_search_does_not_find(store: Store, said: str, sought: str) -> None:
    await keep_texts(store, said)

    assert await found(store, sought) == []


HOSTILE = [
    '"',
    '""',
    "'",
    "*",
    "hello*",
    "^hello",
    "-hello",
    "(",
    ")",
    "NEAR(hello world, 2)",
    "AND",
    "hello AND",
    "hello OR nothing",
    "NOT hello",
    "text:hello",
    "{text}: hello",
    "'; DROP TABLE message; --",
    "%",
    "_",
    "\\",
    "hello\x00world",
    "\ud7ff\ufffd",
    "\u202e\u0301",
    "a" * 60_000,
    "a " * 20_000,
    "語" * 20_000,
    "👍" * 5_000,
]


@pytest.mark.parametrize("sought", HOSTILE)
async def test_whatever_is_sought_is_text_and_never_syntax(store: Store, sought: str) -> None:
    await keep_texts(store, "hello world", "nothing else")

    assert set(await found(store, sought)) <= {1}
    assert await found(store, "hello") == [1]


@pytest.mark.parametrize("said", [text for text in HOSTILE if len(text) < 100])
async def test_whatever_is_said_is_kept_and_disturbs_no_search(store: Store, said: str) -> None:
    talk = await keep_texts(store, said, "the needle")

    assert await found(store, "needle") == [2]
    assert list(await store.history(talk.id, limit=9)) == talk.said[::-1]


async def test_operators_are_words_like_others(store: Store) -> None:
    await keep_texts(store, "hello", "this or that", "not near")

    assert await found(store, "OR that") == [2]
    assert await found(store, "hello OR that") == []
    assert await found(store, "NOT near") == [3]


async def test_messages_without_text_are_never_found(store: Store) -> None:
    await keep_texts(store, None, "word")

    assert await found(store, "w") == [2]
    assert await found(store, "None") == []


async def test_the_newest_committed_is_found_first_and_paging_meets_each_once(store: Store) -> None:
    one, two = make_pair_thread(ANA, BEN), make_pair_thread(ANA, DAN)
    await keep(store, *make_people())
    for number in range(7):
        talk = (one, two)[number % 2]
        await keep_told(store, talk, talk.say(ANA, f"ping {number}", at=100 - number))
    seen: list[str] = []
    before = None

    while page := await store.search([ANA], "ping", before=before, limit=3):
        seen.extend(f"{message.thread}/{message.seq}" for _, message in page)
        before = page[-1][0]

    said = [(one, two)[number % 2].said[number // 2] for number in range(6, -1, -1)]
    assert seen == [f"{message.thread}/{message.seq}" for message in said]


async def test_a_message_is_found_right_after_its_commit(store: Store) -> None:
    talk = await keep_texts(store, "old")

    await keep_told(store, talk, talk.say(BEN, "brand new"))

    assert await store.search([BEN], "brand", limit=9) == [(at, talk.said[1]) for at in [await place(store)]]


async def place(store: Store) -> int:
    ((found_at, _),) = await store.search([ANA], "brand", limit=9)
    return found_at


async def test_only_threads_shown_to_who_asks_are_searched(store: Store) -> None:
    shown = {folder: make_group(ANA, BEN, name=f"g-{folder}") for folder in Folder}
    for folder, talk in shown.items():
        talk.set(ANA, folder=folder)
        talk.say(BEN, f"secret in {folder}")
    foreign = make_pair_thread(BEN, CYD)
    foreign.say(CYD, "secret of others")
    await keep(
        store, *make_people(), *foreign.kept, *(thing for talk in shown.values() for thing in talk.kept)
    )

    seen = {message.thread for _, message in await store.search([ANA], "secret", limit=50)}

    assert seen == {talk.id for folder, talk in shown.items() if folder is not Folder.NONE}
    assert len(await store.search([ANA, CYD], "secret", limit=50)) == len(seen) + 1
    assert list(await store.search([DAN], "secret", limit=50)) == []
    assert list(await store.search([], "secret", limit=50)) == []


async def test_a_message_in_a_thread_of_two_own_accounts_is_found_once(store: Store) -> None:
    await keep_texts(store, "hello")

    assert len(await store.search([ANA, BEN], "hello", limit=9)) == 1


async def test_a_search_can_be_kept_to_one_thread(store: Store) -> None:
    one, two = make_pair_thread(ANA, BEN), make_pair_thread(ANA, DAN)
    one.say(ANA, "word")
    two.say(DAN, "word")
    hidden = make_pair_thread(BEN, CYD)
    hidden.say(CYD, "word")
    await keep(store, *make_people(), *one.kept, *two.kept, *hidden.kept)

    assert [message for _, message in await store.search([ANA], "word", thread=two.id, limit=9)] == two.said
    assert list(await store.search([ANA], "word", thread=hidden.id, limit=9)) == []


async def test_imported_history_and_segments_are_found(store: Store) -> None:
    talk = make_pair_thread()
    segment = make_segment(talk)
    segment.say(BEN, "ages ago", decision=None)
    await keep(store, *make_people(ANA, BEN))

    await store.put_history([segment.piece()], talk.records)

    assert [message for _, message in await store.search([ANA], "ages", limit=9)] == segment.said


async def test_a_thread_that_is_put_away_is_no_longer_searched(store: Store) -> None:
    talk = await keep_texts(store, "hello")

    await keep(store, talk.set(ANA, folder=Folder.NONE))

    assert await found(store, "hello") == []
    assert len(await store.search([BEN], "hello", limit=9)) == 1
