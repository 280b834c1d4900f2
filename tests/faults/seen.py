"""What the judge notes down while it goes through a history."""

from msgspec import Struct, field

from tests.faults.history import Fields


class Finding(Struct, frozen=True):
    """A broken promise.

    Attributes:
        kind: Which.
        text: What was seen.
        witnesses: The records that show it, by their place in the history.
    """

    kind: str
    text: str
    witnesses: tuple[int, ...]


class Sending(Struct):
    """All that was seen of one token.

    Attributes:
        client: Who sent it.
        token: The token.
        thread: Where to.
        text: What it says.
        out: When it left, each time.
        verdicts: When verdicts came, and which; temporary errors are none.
    """

    client: str
    token: str
    thread: str
    text: str
    out: list[int] = field(default_factory=list)
    verdicts: list[tuple[int, Fields]] = field(default_factory=list)

    @property
    def taken(self) -> Fields | None:
        """Give the first ``ok`` verdict, if there is one."""
        for _, verdict in self.verdicts:
            if "seq" in verdict:
                return verdict
        return None


class Said(Struct):
    """A message as it was seen first."""

    index: int
    sender: str
    text: str
    digest: str
    link: str
