"""What the operator decides for everybody: floors, roll-out, limits. Data for the rules."""

from msgspec import Struct

from bridge.wire.values import Network


class Policy(Struct, frozen=True, kw_only=True):
    """The operator's settings that rules read.

    Attributes:
        link_from: The network on which a link must start; None: either.
        upgrade_regions: Regions in which the upgrade is rolled out; None: everywhere.
        shut_networks: Networks that take no messages any more.
        crossing_shut: Whether messages between networks are shut down.
        protect_minors: Whether adults may write to minors only where the minor follows or befriended them.
        max_text_bytes: The longest text in UTF-8 bytes, beside the network's limit in characters.
        undo_unlink_s: How long an unlink can be undone, in seconds.
        link_answer_s: How long a link waits for its approval, in seconds.
        erase_grace_s: How long a deletion can be taken back, in seconds.
        preview_s: How far back a preview of controls looks, in seconds.
        contact_uploads_a_day: How often a person may upload contacts a day.
    """

    link_from: Network | None = Network.DIRECT
    upgrade_regions: frozenset[str] | None = None
    shut_networks: frozenset[Network] = frozenset()
    crossing_shut: bool = False
    protect_minors: bool = True
    max_text_bytes: int = 64 * 1024
    undo_unlink_s: int = 14 * 86_400
    link_answer_s: int = 600
    erase_grace_s: int = 30 * 86_400
    preview_s: int = 30 * 86_400
    contact_uploads_a_day: int = 10
