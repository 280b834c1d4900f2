"""The judge: reads a history and names every promise that it contradicts, with the records that show it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from msgspec import Struct, field

from tests.faults.gates import Gates
from tests.faults.history import Answered, Asked, Ended, Fields, History, Opened, Told
from tests.faults.seen import Finding, Said, Sending

_MOST = 10  # findings of one kind


class Verdict(Struct):
    """What the judge says.

    Attributes:
        findings: The broken promises.
        acknowledged: Messages taken.
        refused: Sends refused for good.
        repeated: Sends whose token was sent again after its verdict.
        governed: Sends judged under a control or block that certainly stood.
        resumed: Journals that went on after a cursor.
        told: Events with a place.
    """

    findings: list[Finding]
    acknowledged: int = 0
    refused: int = 0
    repeated: int = 0
    governed: int = 0
    resumed: int = 0
    told: int = 0

    @property
    def kinds(self) -> set[str]:
        """Name the promises that were broken."""
        return {finding.kind for finding in self.findings}


class _Session(Struct):
    client: str
    device: str = ""
    accounts: set[str] = field(default_factory=set)
    expected: dict[str, int] = field(default_factory=dict)
    ended: bool = False


class Judge:
    """Goes through a history once, then looks at the whole."""

    def __init__(self, history: History) -> None:
        """Judge nothing yet."""
        self._history = history
        self._verdict = Verdict([])
        self._counts: dict[str, int] = defaultdict(int)
        self._asked: dict[tuple[int, int], tuple[int, Asked]] = {}
        self._sessions: dict[int, _Session] = {}
        self._sendings: dict[str, Sending] = {}
        self._cursors: dict[str, tuple[str, int]] = {}
        self._journal: dict[tuple[str, int, int], tuple[int, Fields]] = {}
        self._epochs: dict[str, int] = defaultdict(int)
        self._heads: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._said: dict[tuple[str, int], Said] = {}
        self._by_text: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self._told: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._arrived: dict[str, int] = {}
        self._members: dict[str, set[str]] = defaultdict(set)
        self._revoked: dict[str, int] = {}
        self._gates = Gates()

    def judge(self, *, settled: bool = True) -> Verdict:
        """Say what is wrong.

        Args:
            settled: Whether the clients had all the time that they needed at the end: then nothing may be
                unanswered, unseen or untold any more.
        """
        for index, record in enumerate(self._history):
            match record:
                case Opened(session, client):
                    self._sessions[session] = _Session(client)
                case Asked():
                    self._on_asked(index, record)
                case Answered():
                    self._on_answered(index, record)
                case Told():
                    self._on_told(index, record)
                case Ended(session):
                    self._sessions[session].ended = True
                    self._gates.ended(index, session)
        self._judge_sends(settled)
        self._judge_order()
        self._judge_journals()
        self._judge_chains()
        self._judge_gates()
        return self._verdict

    def _find(self, kind: str, text: str, *witnesses: int) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST:
            self._verdict.findings.append(Finding(kind, text, witnesses))

    # --- record by record

    def _on_asked(self, index: int, asked: Asked) -> None:
        self._asked[asked.session, asked.call] = index, asked
        fields = asked.fields
        if asked.op == "send":
            client = self._sessions[asked.session].client
            sending = self._sendings.setdefault(
                fields["token"], Sending(client, fields["token"], fields["thread"], fields["text"])
            )
            if sending.verdicts:
                self._verdict.repeated += 1
            sending.out.append(index)
        else:
            self._gates.asked(index, asked)

    def _on_answered(self, index: int, answered: Answered) -> None:
        found = self._asked.pop((answered.session, answered.call), None)
        if found is None:
            self._find("answered_twice", f"call {answered.call} was answered without being asked", index)
            return
        begun, asked = found
        session = self._sessions[answered.session]
        if (revoked := self._revoked.get(session.device)) is not None and begun > revoked and answered.ok:
            self._find("revoked_lives", f"{session.client}: {asked.op} was answered", revoked, begun, index)
        self._gates.answered(index, asked, answered)
        if asked.op == "send":
            self._on_verdict(index, begun, asked, answered)
        elif answered.ok is not None:
            self._on_reply(index, begun, asked, answered.ok)

    def _on_verdict(self, index: int, begun: int, asked: Asked, answered: Answered) -> None:
        sending = self._sendings[asked.fields["token"]]
        if answered.error is not None and answered.error.get("temporary"):
            return
        verdict = answered.ok if answered.ok is not None else {"code": (answered.error or {})["code"]}
        if sending.verdicts and sending.verdicts[0][1] != verdict:
            before, first = sending.verdicts[0]
            self._find("other_verdict", f"{sending.token}: {first}, then {verdict}", before, begun, index)
        sending.verdicts.append((index, verdict))

    def _on_reply(self, index: int, begun: int, asked: Asked, ok: Fields) -> None:
        session = self._sessions[asked.session]
        match asked.op:
            case "sign_in":
                self._on_signed_in(index, begun, session, asked, ok)
            case "open_thread" if "thread" in ok:
                thread = ok["thread"]
                self._members[thread["id"]] |= {thread["leg"], ok["other"]["id"]}
            case "history":
                for message in ok["messages"]:
                    self._see(index, message, session.accounts)
            case "revoke_device":
                self._revoked[asked.fields["device"]] = index
            case _:
                pass

    def _on_signed_in(self, index: int, begun: int, session: _Session, asked: Asked, ok: Fields) -> None:
        session.device = ok["device"]
        session.accounts = {account["id"] for account in ok["accounts"]}
        brought = dict(self._cursors[cursor] for cursor in asked.fields.get("cursors", ()))
        if (revoked := self._revoked.get(session.device)) is not None:
            self._find("revoked_lives", f"{session.client} signed in", revoked, index)
        for leg in ok["legs"]:
            self._on_leg(index, begun, session, leg, brought.get(leg["account"]))

    def _on_leg(self, index: int, begun: int, session: _Session, leg: Fields, brought: int | None) -> None:
        account, head = leg["account"], leg["head"]
        self._arrived.setdefault(account, index)
        if leg.get("state", "resumed") == "resumed" and brought is not None:
            self._verdict.resumed += 1
            session.expected[account] = brought + 1
            before = bisect_left(self._heads[account], (begun, 0))  # later ones may have come meanwhile
            where, known = self._heads[account][before - 1] if before else (0, 0)
            if head < known:
                self._find(
                    "went_back", f"the journal of {account} is at {head}, was at {known}", where, index
                )
        else:
            if brought is not None:
                self._epochs[account] += 1
                self._heads.pop(account, None)
                self._find("not_resumed", f"{session.client}: {account} starts anew at {head}", index)
            session.expected[account] = head + 1
        self._cursors[leg["cursor"]] = account, session.expected[account] - 1

    def _on_told(self, index: int, told: Told) -> None:
        session, event = self._sessions[told.session], told.event
        if event["type"] == "leg_added":
            session.accounts.add(event["account"]["id"])
            self._on_leg(index, index, session, {**event["leg"], "state": "snapshot"}, None)
        if told.account is None or told.at is None or told.cursor is None:
            return
        self._verdict.told += 1
        account, at = told.account, told.at
        expected = session.expected.get(account)
        if expected is None:
            self._find("not_his", f"{session.client} was told of {account}", index)
        elif at > expected:
            self._find("gap", f"{session.client}: {account} jumps from {expected - 1} to {at}", index)
        elif at < expected:
            self._find("duplicate", f"{session.client}: {account} tells {at} again", index)
        session.expected[account] = at + 1
        self._cursors[told.cursor] = account, at
        if not self._heads[account] or at > self._heads[account][-1][1]:
            self._heads[account].append((index, at))
        place = account, self._epochs[account], at
        before, known = self._journal.setdefault(place, (index, event))
        if known != event:
            self._find("position_means_two", f"{account} at {at}: two events", before, index)
        if event["type"] == "message_sent":
            self._on_message(index, session, account, event["message"])

    def _on_message(self, index: int, session: _Session, account: str, message: Fields) -> None:
        thread, seq = message["thread"], message["seq"]
        self._told[account, thread].add(seq)
        self._see(index, message, {account})
        revoked = self._revoked.get(session.device)
        sending = self._sendings.get(_token(message))
        if revoked is not None and sending is not None and sending.out[0] > revoked:
            self._find(
                "revoked_lives", f"{session.client} hears {thread}/{seq}", revoked, sending.out[0], index
            )

    def _see(self, index: int, message: Fields, viewers: Iterable[str]) -> None:
        """Compare a message with what anybody saw at its place."""
        thread, seq, text = message["thread"], message["seq"], message.get("text", "")
        said = Said(index, message["sender"], text, message["digest"], message["link"])
        first = self._said.setdefault((thread, seq), said)
        if (first.sender, first.text, first.link) != (said.sender, said.text, said.link):
            self._find("seq_means_two", f"{thread}/{seq}: {first.text!r}, then {text!r}", first.index, index)
        place = self._by_text.setdefault((thread, text), seq)
        if place != seq:
            self._find("said_twice", f"{thread}: {text!r} at {place} and {seq}", index)
        for viewer in viewers:
            self._seen[viewer, thread].setdefault(seq, index)

    # --- over the whole

    def _judge_sends(self, settled: bool) -> None:
        for sending in self._sendings.values():
            taken = sending.taken
            if taken is not None:
                self._verdict.acknowledged += 1
                self._judge_taken(sending, taken, settled)
            elif sending.verdicts:
                self._verdict.refused += 1
                if (seq := self._by_text.get((sending.thread, sending.text))) is not None:
                    where = self._said[sending.thread, seq].index
                    index, verdict = sending.verdicts[0]
                    self._find("refused_yet_said", f"{sending.token}: {verdict['code']}", index, where)
            elif settled:
                self._find("unanswered", f"{sending.token} of {sending.client}", *sending.out[-3:])

    def _judge_taken(self, sending: Sending, taken: Fields, settled: bool) -> None:
        index = sending.verdicts[0][0]
        said = self._said.get((taken["thread"], taken["seq"]))
        if said is not None and said.text != sending.text:
            self._find("lost", f"{sending.token}: at its place stands {said.text!r}", index, said.index)
        if not settled:
            return
        for member in self._members[sending.thread]:
            if taken["seq"] not in self._seen[member, sending.thread]:
                self._find("lost", f"{member} never saw {sending.thread}/{taken['seq']}", index)
            elif taken["seq"] not in self._told[member, sending.thread] and self._listened(member, sending):
                self._find("untold", f"{member} had to look for {sending.thread}/{taken['seq']}", index)

    def _listened(self, member: str, sending: Sending) -> bool:
        """Say whether somebody's journal reached over all that time: he came before, and never began anew."""
        return not self._epochs[member] and self._arrived.get(member, len(self._history)) < sending.out[0]

    def _judge_order(self) -> None:
        """See that what one sender said in a thread has the order in which it was said."""
        newest: dict[tuple[str, str], tuple[int, int, int]] = {}
        for sending in sorted(self._sendings.values(), key=lambda sending: sending.out[0]):
            taken = sending.taken
            if taken is None:
                continue
            key = sending.client, sending.thread
            seq, last_out, index = newest.get(key, (0, -1, -1))
            if taken["seq"] < seq and last_out < sending.out[0]:
                self._find("sender_order", f"{sending.token} before an earlier one", index, sending.out[0])
            if taken["seq"] > seq:
                until = next((out for out in reversed(sending.out) if out < sending.verdicts[0][0]), 0)
                newest[key] = taken["seq"], until, sending.out[0]

    def _judge_journals(self) -> None:
        """See that each journal tells each thread in order, wherever two of its places were told in a row."""
        known: tuple[str, int, int] = "", 0, 0
        newest: dict[str, int] = {}
        for place, (index, event) in sorted(self._journal.items(), key=lambda entry: entry[0]):
            if place != (
                *known[:2],
                known[2] + 1,
            ):  # another journal; or a device that came as news were late
                newest = {}
            known = place
            if event["type"] == "message_sent":
                thread, seq = event["message"]["thread"], event["message"]["seq"]
                before = newest.get(thread, seq - 1)
                if seq != before + 1:
                    self._find("thread_order", f"{place[0]}: {thread}/{seq} follows {before}", index)
                newest[thread] = seq

    def _judge_chains(self) -> None:
        for (thread, seq), said in self._said.items():
            if seq == 1:
                before = sha256(thread.encode()).digest()
            elif (earlier := self._said.get((thread, seq - 1))) is not None:
                before = bytes.fromhex(earlier.link)
            else:
                continue
            name = f"{thread}/{seq}".encode()
            head = before + seq.to_bytes(8, "big") + name + said.sender.encode()
            if sha256(head + bytes.fromhex(said.digest)).hexdigest() != said.link:
                self._find("chain", f"{thread} breaks at {seq}", said.index)

    def _judge_gates(self) -> None:
        """See that no message passed a closed door, and that none was turned away at an open one."""
        sender_of = {
            session.client: session.accounts for session in self._sessions.values() if session.accounts
        }
        for sending in self._sendings.values():
            members = self._members[sending.thread]
            own = members & sender_of.get(sending.client, set())
            if len(members) != 2 or len(own) != 1:
                continue
            (sender,), (receiver,) = own, members - own
            seq = self._by_text.get((sending.thread, sending.text))
            begun, ended = sending.out[0], len(self._history)
            if sending.verdicts:
                ended = sending.verdicts[0][0]
            elif seq is not None:
                ended = self._said[sending.thread, seq].index
            closed = self._gates.certainly_closed(sender, receiver, begun, ended)
            if closed is not None:
                self._verdict.governed += 1
                if sending.taken is not None or seq is not None:
                    self._find("against_control", f"{sending.token} to {receiver}", closed, begun, ended)
            codes = {verdict.get("code") for _, verdict in sending.verdicts}
            if "not_accepting" in codes and not self._gates.maybe_closed(sender, receiver, begun, ended):
                self._find("refused_for_nothing", f"{sending.token} to {receiver}", begun, ended)


def _token(message: Fields) -> str:
    """Read the token from a text of the load: its first word."""
    words: Any = message.get("text") or ""
    return str(words).partition(" ")[0]
