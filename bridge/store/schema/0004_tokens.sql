-- v3 → v4, readable by code ≥ v4: the token of what was taken points at its message instead of keeping a verdict of its own.

-- Each token that stands for something (bridge/store/sqlite/verdicts.py): for the message of this id, or, where that and
-- `crc` are 0, for a row of `verdicts`.
CREATE TABLE tokens (
    token TEXT NOT NULL,
    account INTEGER NOT NULL,
    message INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (token, account)
) WITHOUT ROWID, STRICT;
INSERT INTO tokens SELECT token, account, 0, 0 FROM verdicts ORDER BY token, account;
