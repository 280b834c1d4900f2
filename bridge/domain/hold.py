"""Whether an account shuts another out by a tie, and whether its owner knows of that.

What covered a person goes on covering each of its accounts after an unlink. But who blocked one of them was
never told of the other: so what an unlink copied is shown to nobody.
"""

from enum import IntEnum
from typing import Final


class Hold(IntEnum):
    """How a tie blocks, restricts or hides; false if it does not."""

    NO = 0
    OWN = 1  #: its owner did it, or a list of his says so
    COPIED = 2  #: an unlink copied it from another account; its owner does not learn of it

    def stronger(self, other: "Hold") -> "Hold":
        """Join two of one tie: what its owner knows stays known."""
        return min((hold for hold in (self, other) if hold), default=Hold.NO)

    @property
    def copied(self) -> "Hold":
        """Give what an unlink makes of it for another account."""
        return Hold.COPIED if self else Hold.NO


HOLDS: Final = ("blocks", "restricts", "hides")
"""The fields of a tie that are holds."""
