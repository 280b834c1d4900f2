-- v1 → v2, readable by code ≥ v2: lines of journals are kept by the commit first, and laid into their journals later.

-- A row is what one commit told, and how far laying had come after it: of the lines in rows up to `bound`, all up
-- to (`account`, `position`) lie in their journals (bridge/store/sqlite/tails.py).
CREATE TABLE told (
    no INTEGER PRIMARY KEY,
    lines BLOB NOT NULL,
    bound INTEGER NOT NULL,
    account INTEGER NOT NULL,
    position INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
