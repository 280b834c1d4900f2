"""How much an archive may ask of the machine that reads it."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds beyond which an archive is refused as hostile.

    Attributes:
        members: Files in all parts together.
        total_bytes: Unpacked size of all parts together.
        json_bytes: Unpacked size of one JSON file; a larger one is reported as broken, the rest is read.
            It bounds memory: 10,000 messages, an official file, take about 4 MiB here and 12 decoded.
        json_values: Values in one JSON file; likewise. A value of two bytes takes up to 64 once decoded.
        ratio: Unpacked over packed size of one file ...
        ratio_from_bytes: ... which is looked at only from this unpacked size on.
        depth: Folders inside one another.
        name_bytes: Length of a file's path.
    """

    members: int = 2_000_000
    total_bytes: int = 1024 * 1024 * MIB
    json_bytes: int = 128 * MIB
    json_values: int = 4_000_000
    ratio: int = 200
    ratio_from_bytes: int = 100 * MIB
    depth: int = 16
    name_bytes: int = 1024
