"""What a process that is one command asks of its memory; the figures are in ``docs/performance.md``."""

import ctypes
import gc
from typing import Final

BULKY: Final = frozenset({"import", "export", "audit"})
"""Commands that handle one large block after the other."""

_YOUNG: Final = 50_000  # new objects before the collector looks at them
_OF_A_HUB: Final = (50_000, 1, 1_000)  # what is done at a good moment need not come at a bad one
_DUE: Final = 5_000  # new objects for which a good moment is used: few, as everybody waits meanwhile
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # glibc's names for them, in <malloc.h>
_LARGE: Final = 2**20  # bytes


def collect_rarely() -> None:
    """Let the collector rest.

    Rows of archives and of the store make no cycles; looking for some took a tenth of an import's CPU.
    """
    gc.set_threshold(_YOUNG, 20, 50)


def spare_the_collector() -> None:
    """Take what lives as long as the hub out of the collector's rounds; for a process that is only a hub.

    Records make no cycles and ask for no collection; the collector's own rounds cost 7 % of the hot path
    and most of its slowest percent. What a crowd that signs in leaves to look at grows to a million objects
    otherwise: half a second in which the hub does nothing else.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_OF_A_HUB)


def let_the_collector_look() -> None:
    """Use a moment when little is under way, such as between two batches.

    In the middle of a batch the collector looks at all that the batch made, which is about to go by itself,
    and then keeps it for its next rounds: ten times the work.
    """
    young, middle, old = gc.get_count()
    if young > _DUE:
        _, middles, olds = gc.get_threshold()
        gc.collect(0 if middle <= middles else 1 if old <= olds else 2)


def give_blocks_back() -> None:
    """Have large blocks go back to the system when they are freed, whichever thread held them.

    Left alone, glibc keeps a pool for each thread and lets holes of megabytes stand in them, one more for
    each long archive. Elsewhere than with glibc nothing is changed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE)
