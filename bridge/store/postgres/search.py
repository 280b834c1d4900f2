"""Search by PostgreSQL's own full text: its index says where to look, this module says what is found.

Parsing words, folding case and parting signs is ``bridge.store.words``' business on every
engine; PostgreSQL gets finished lexemes. The index may name too many messages (a run of
signs is kept as pairs, long words are cut) but never too few, and each is looked at here.
Beside the words an entry holds whose they are, so that a search meets the own threads only.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from bridge.domain.model import Message, Thread, ThreadKind
from bridge.ids import AccountId, ThreadId
from bridge.store.postgres.pool import Connection
from bridge.store.postgres.shapes import record_of
from bridge.store.words import BREAK, Term, document, sought

_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z\x80-\U0010ffff]+")  # where every index parts a document
_WHOSE: Final = "\ue001"  # in front of what is no word: nobody can seek it
_LONGEST: Final = 250  # signs of a word that are looked at in the index; a lexeme may have 2,046 bytes
_MOST_BYTES: Final = 800_000  # of lexemes in one message; PostgreSQL takes 1,048,575
_FIRST_PAGE: Final = 50
_NEVER: Final = 2**62

_GROUPS: Final = """
    SELECT DISTINCT members.thread FROM members JOIN threads ON threads.id = members.thread
    WHERE members.account = ANY ($1::text[]) AND members.folder <> 'none' AND threads.kind = 'group'"""
_HITS: Final = """
    SELECT place, body FROM messages
    WHERE words @@ $1::text::tsquery AND place < $2 AND EXISTS (
        SELECT FROM members
        WHERE members.thread = messages.thread AND account = ANY ($3::text[]) AND folder <> 'none'
    )
    ORDER BY place DESC LIMIT $4"""


def words_of(message: Message, thread: Thread | None) -> str | None:
    """Write a message's entry in the index, as PostgreSQL reads a ``tsvector``; None without a text."""
    text = text_of(message)
    if not text:
        return None
    lexemes: dict[str, None] = dict.fromkeys(_whose(message.thread, thread))
    left = _MOST_BYTES
    for lexeme in _lexemes(tokens_of(text)):
        left -= 4 * len(lexeme) + 4
        if left < 0:
            break
        lexemes[lexeme] = None
    return " ".join(map(_quoted, lexemes))


def text_of(message: Message) -> str | None:
    """Read the text out of a packed content; five times faster than ``unpack``."""
    if message.content is None:
        return None
    try:
        text, *_ = msgspec.msgpack.decode(message.content)
    except (msgspec.DecodeError, ValueError, TypeError):
        return None  # damaged, so served to nobody; the audit reports it
    return text if isinstance(text, str) else None


def tokens_of(text: str) -> list[str]:
    """Part a text as every index does."""
    return [token for token in _SEPARATORS.split(document(text)) if token]


def _lexemes(tokens: Sequence[str]) -> Iterable[str]:
    """Yield words, signs, and pairs of signs: a run of common signs is rare, its signs are not."""
    for token in tokens:
        if token != BREAK:
            yield token[:_LONGEST]
    for one, other in pairwise(tokens):
        if len(one) == len(other) == 1 and not one.isascii() and not other.isascii() and other != BREAK:
            yield one + other


def _whose(thread: ThreadId, known: Thread | None) -> Iterable[str]:
    """Say whose words these are: the thread's, and its accounts' unless they may come and go."""
    yield f"{_WHOSE}t{thread}"
    if known is not None and known.kind is not ThreadKind.GROUP:
        for account in known.members:
            yield f"{_WHOSE}a{account}"


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


async def find(
    connection: Connection,
    accounts: Collection[AccountId],
    text: str,
    thread: ThreadId | None,
    before: int | None,
    limit: int,
) -> Sequence[tuple[int, Message]]:
    """Find messages; see the port."""
    terms = sought(text)
    own = sorted(set(accounts))
    if not terms or not own or limit < 1:
        return []
    query = _query(terms, await _places(connection, own, thread))
    parts = [_as_kept(term) for term in terms]
    found: list[tuple[int, Message]] = []
    last, size = _NEVER if before is None else before, max(limit, _FIRST_PAGE)
    while len(found) < limit:
        rows = await connection.fetch(_HITS, query, last, own, size)
        for place, body in rows:
            message = record_of(Message, body)
            kept = f" {' '.join(tokens_of(text_of(message) or ''))} "
            if all(part in kept for part in parts):
                found.append((place, message))
        if len(rows) < size:
            break
        last = rows[-1]["place"]
    return found[:limit]


async def _places(connection: Connection, own: list[AccountId], thread: ThreadId | None) -> list[str]:
    if thread is not None:
        return [f"{_WHOSE}t{thread}"]
    groups: list[Any] = await connection.fetch(_GROUPS, own)
    return [*(f"{_WHOSE}a{account}" for account in own), *(f"{_WHOSE}t{row['thread']}" for row in groups)]


def _query(terms: Iterable[Term], places: Iterable[str]) -> str:
    wanted = [part for term in terms for part in _sought(term)]
    return f"{' & '.join(wanted)} & ({' | '.join(map(_quoted, places))})"


def _sought(term: Term) -> Iterable[str]:
    """Yield what must be in the index for a term to be in the text."""
    cut = [token[:_LONGEST] for token in term.tokens]
    for token in cut[:-1]:
        yield _quoted(token)
    yield _quoted(cut[-1]) + (":*" if term.begins else "")
    if len(cut) > 1 and all(len(token) == 1 and not token.isascii() for token in cut):
        for one, other in pairwise(cut):
            yield _quoted(one + other)


def _as_kept(term: Term) -> str:
    return f" {' '.join(term.tokens)}{'' if term.begins else ' '}"
