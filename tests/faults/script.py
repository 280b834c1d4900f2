"""Histories written by hand for the judge: two people, one thread, whatever they should have seen."""

from hashlib import sha256
from typing import Any

from tests.faults.history import History
from tests.faults.judge import Judge, Verdict

ANA, BEN, THREAD = "a-ana", "a-ben", "t1"


class Script:
    """Writes what Ana (on Direct) and Ben (on Messenger) saw.

    Attributes:
        history: What was written so far.
    """

    def __init__(self, *, comes: bool = True) -> None:
        """Have both sign in, and Ben open the thread; Ana only if she ``comes``."""
        self.history = History()
        self.ben = self.sign_in(BEN)
        self.ana = self.sign_in(ANA) if comes else 0
        self._calls = 100
        self._at: dict[str, int] = {ANA: 0, BEN: 0}
        self._links = {0: sha256(THREAD.encode()).digest()}
        self.ask(self.ben, "open_thread", {}, {"thread": {"id": THREAD, "leg": BEN}, "other": {"id": ANA}})

    def sign_in(
        self, account: str, *, after: int | None = None, head: int = 0, state: str = "resumed"
    ) -> int:
        """Open a connection; ``after`` is the position that its cursor names."""
        session = self.history.opened(account)
        cursors = [] if after is None else [f"{account}.{after}"]
        self.history.left(session, {"id": 1, "op": "sign_in", "cursors": cursors})
        if after is None:
            state = "snapshot"
        leg = {
            "account": account,
            "head": head,
            "state": state,
            "cursor": f"{account}.{head if after is None else after}",
        }
        ok = {"device": f"d-{account}", "accounts": [{"id": account}], "legs": [leg]}
        self.history.came(session, {"re": 1, "ok": ok})
        return session

    def ask(self, session: int, op: str, fields: dict[str, Any], ok: dict[str, Any] | None = None) -> int:
        """Ask, and be answered if ``ok`` is given; give the call's number."""
        self._calls += 1
        self.history.left(session, {"id": self._calls, "op": op, **fields})
        if ok is not None:
            self.history.came(session, {"re": self._calls, "ok": ok})
        return self._calls

    def send(self, session: int, token: str, *, seq: int | None = None, error: str | None = None) -> int:
        """Send a text that is its token, and hear the verdict, if one is given."""
        call = self.ask(session, "send", {"thread": THREAD, "text": token, "token": token})
        self.verdict(session, call, seq=seq, error=error)
        return call

    def verdict(self, session: int, call: int, *, seq: int | None = None, error: str | None = None) -> None:
        """Answer a send."""
        if seq is not None:
            self.history.came(session, {"re": call, "ok": {"thread": THREAD, "seq": seq, "at": 7}})
        elif error is not None:
            self.history.came(session, {"re": call, "error": {"code": error}})

    def message(self, token: str, seq: int, sender: str = BEN) -> dict[str, Any]:
        """Make a message whose link fits the one before."""
        digest = sha256(token.encode()).hexdigest()
        head = self._links[seq - 1] + seq.to_bytes(8, "big") + f"{THREAD}/{seq}".encode() + sender.encode()
        link = self._links[seq] = sha256(head + bytes.fromhex(digest)).digest()
        return {
            "thread": THREAD,
            "seq": seq,
            "sender": sender,
            "text": token,
            "digest": digest,
            "link": link.hex(),
        }

    def hear(self, session: int, account: str, message: dict[str, Any], *, at: int | None = None) -> None:
        """Be told of a message, at the next position unless another is given."""
        at = self._at[account] + 1 if at is None else at
        self._at[account] = at
        event = {"type": "message_sent", "message": message}
        self.history.came(
            session, {"account": account, "at": at, "cursor": f"{account}.{at}", "event": event}
        )

    def both_hear(self, message: dict[str, Any]) -> None:
        """Have both be told."""
        self.hear(self.ben, BEN, message)
        self.hear(self.ana, ANA, message)

    def good_messages(self, *tokens: str) -> None:
        """Have Ben say things that all goes well with."""
        for seq, token in enumerate(tokens, 1):
            self.send(self.ben, token, seq=seq)
            self.both_hear(self.message(token, seq))

    def judged(self) -> Verdict:
        """Have it judged."""
        return Judge(self.history).judge()
