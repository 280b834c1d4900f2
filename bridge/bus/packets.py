"""What travels between nodes: one packet for an account, with everything that concerns it, in order.

Packets are gathered during one turn of the loop, so that a commit costs each
account that it concerns one packet, whatever the number of its events. An event
is encoded once, however many accounts hear it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from bridge.bus.base import Count, News
from bridge.domain.model import (
    Account,
    Controls,
    Device,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    Tie,
)
from bridge.domain.outcome import Told
from bridge.errors import Fault
from bridge.ids import AccountId, Position, ThreadId
from bridge.wire.events import JournalEvent, Typed

LARGEST: Final = 512 * 1024
"""Bytes of events above which a packet says only where the journal stands, and of records that it brings."""

_MOST_MEMBERS: Final = 16  # of a thread whose records are passed on: beyond, loading again is cheaper
_KINDS: Final[tuple[type[StoredRecord], ...]] = (Thread, Member, Tie, Controls, Account, Person, Device)
_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}

_encode: Final = msgspec.msgpack.Encoder().encode


class Packet(Struct, array_like=True):
    """All that concerns one account.

    Attributes:
        head: Where its journal stands at least; 0 if it was told nothing.
        entries: What it was told: the position, whether it is a message, and the event.
        passing: What is never stored.
        moved: Whether its sessions must look again at what they may use.
        records: Records to take over: the number of the kind, and the record.
        node: Who tells it.
        counts: Sessions there.
    """

    head: int = 0
    entries: list[tuple[int, bool, msgspec.Raw]] = field(default_factory=list)
    passing: list[Typed] = field(default_factory=list)
    moved: bool = False
    records: list[tuple[int, msgspec.Raw]] = field(default_factory=list)
    node: str = ""
    counts: list[Count] = field(default_factory=list)


class Outgoing:
    """The packets of one turn of the loop."""

    def __init__(self, node: str) -> None:
        """Begin with none, of this node."""
        self._node = node
        self._packets: dict[AccountId, Packet] = {}
        self._sizes: dict[AccountId, int] = {}
        self._hinted: dict[AccountId, int] = {}

    def add(self, news: News) -> None:
        """Put news into the packets of those whom it concerns."""
        for told, places in news.told:
            body = msgspec.Raw(_encode(told))
            is_message = isinstance(told, Message)
            for account, position in places:
                self._tell(account, position, is_message, body)
        for event, accounts in news.passing:
            for account in accounts:
                self._packet(account).passing.append(event)
        for account in news.moved:
            self._packet(account).moved = True
        for count in news.counts:
            self._packet(count.via).counts.append(count)
        self._hint(news.records)

    def packets(self) -> Iterator[tuple[AccountId, bytes]]:
        """Give what is to be sent, and begin anew."""
        packets, self._packets, self._sizes, self._hinted = self._packets, {}, {}, {}
        for account, packet in packets.items():
            yield account, _encode(packet)

    def _packet(self, account: AccountId) -> Packet:
        packet = self._packets.get(account)
        if packet is None:
            packet = self._packets[account] = Packet(node=self._node)
        return packet

    def _tell(self, account: AccountId, position: Position, is_message: bool, body: msgspec.Raw) -> None:
        packet = self._packet(account)
        packet.head = position
        size = self._sizes[account] = self._sizes.get(account, 0) + len(body)
        if size <= LARGEST:
            packet.entries.append((position, is_message, body))
        else:  # whoever hears of the head reads the rest from the journal
            packet.entries.clear()

    def _hint(self, records: Sequence[StoredRecord]) -> None:
        members: dict[ThreadId, tuple[AccountId, ...]] = {
            record.id: record.members
            for record in records
            if isinstance(record, Thread) and len(record.members) <= _MOST_MEMBERS
        }
        for record in records:
            number = _NUMBERS.get(type(record))
            if number is None:
                continue
            body: msgspec.Raw | None = None
            for account in _concerned(record, members):
                if account in self._packets:
                    body = body or msgspec.Raw(_encode(record))
                    size = self._hinted[account] = self._hinted.get(account, 0) + len(body)
                    if size <= LARGEST:
                        self._packets[account].records.append((number, body))


def _concerned(record: StoredRecord, members: dict[ThreadId, tuple[AccountId, ...]]) -> Sequence[AccountId]:
    """Name the accounts whose nodes probably hold the record in memory."""
    match record:
        case Thread():
            return members.get(record.id, ())
        case Member():
            return members.get(record.thread, (record.account,))
        case Tie():
            return record.owner, record.other
        case Person():
            return record.accounts
        case Account():
            return (record.id,)
        case Controls() | Device():
            return (record.account,)
        case _:
            return ()


_packets: Final = msgspec.msgpack.Decoder(Packet)
_messages: Final = msgspec.msgpack.Decoder(Message)
_events: Final[msgspec.msgpack.Decoder[JournalEvent]] = msgspec.msgpack.Decoder(JournalEvent)
_records: Final = tuple(msgspec.msgpack.Decoder(kind) for kind in _KINDS)


def read(account: AccountId, data: bytes) -> tuple[News, Position]:
    """Read what another node sent: the news, and where the account's journal stands at least.

    Raises:
        Fault: If it was no node of this version that sent it.
    """
    try:
        packet = _packets.decode(data)
        told: list[tuple[Told, list[tuple[AccountId, Position]]]] = [
            ((_messages if is_message else _events).decode(body), [(account, Position(position))])
            for position, is_message, body in packet.entries
        ]
        records = [_records[number].decode(body) for number, body in packet.records]
    except (msgspec.DecodeError, IndexError) as wrong:
        raise Fault(f"A packet for {account} can't be read: {wrong}") from wrong
    news = News(
        told=told,
        passing=[(event, (account,)) for event in packet.passing],
        moved=frozenset((account,)) if packet.moved else frozenset(),
        records=records,
        node=packet.node,
        counts=packet.counts,
    )
    return news, Position(packet.head)
