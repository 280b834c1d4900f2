-- v0 → v1, readable by code ≥ v1: the first schema.

-- Every row of a record ends in `crc`, a checksum over its other columns (bridge/store/rows.py).
-- Cost is the number of pages that a commit dirties: what grows with each message is appended,
-- or is clustered narrowly under small numbers. docs/store.md explains each table.

CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO marks VALUES ('epoch', 1), ('searchable', 0), ('unclean', 0);

-- Accounts and threads under the numbers that the tables growing with each message know them by.
CREATE TABLE names (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL) STRICT;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY, -- rises with each commit, never reused
    thread INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    at INTEGER NOT NULL,
    content BLOB,
    salt BLOB,
    digest BLOB NOT NULL,
    link BLOB NOT NULL,
    decision BLOB,
    crc INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_by_seq ON messages (thread, seq);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL,
    uses INTEGER NOT NULL -- how many journals still refer to it
) STRICT;

-- stamp = ref * 256 + check; ref > 0 is a message, ref < 0 minus an event.
CREATE TABLE journal (
    account INTEGER NOT NULL,
    position INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (account, position)
) WITHOUT ROWID, STRICT;

-- When a commit told something, and the newest message and event after it: dates the journals.
CREATE TABLE moments (at INTEGER PRIMARY KEY, message INTEGER NOT NULL, event INTEGER NOT NULL) STRICT;

-- Our own clients' tokens begin with the time, so that new ones lie side by side: 60 pages less in a batch of 64.
CREATE TABLE verdicts (
    account INTEGER NOT NULL,
    token TEXT NOT NULL,
    body BLOB NOT NULL,
    code TEXT NOT NULL,
    thread INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    decision BLOB,
    receiver INTEGER,
    crc INTEGER NOT NULL,
    PRIMARY KEY (token, account)
) WITHOUT ROWID, STRICT;
CREATE INDEX verdicts_refused ON verdicts (receiver, at) WHERE receiver IS NOT NULL;

CREATE TABLE threads (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    members BLOB NOT NULL,
    tip INTEGER NOT NULL,
    link BLOB NOT NULL,
    last_at INTEGER NOT NULL,
    title TEXT NOT NULL,
    beside INTEGER,
    source TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE INDEX threads_beside ON threads (beside) WHERE beside IS NOT NULL;

CREATE TABLE members (
    thread INTEGER NOT NULL,
    account INTEGER NOT NULL,
    folder TEXT NOT NULL,
    consent TEXT NOT NULL,
    started INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    read INTEGER NOT NULL,
    read_sent INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    displaced TEXT NOT NULL,
    unseen INTEGER NOT NULL,
    shown_read INTEGER NOT NULL,
    shown_delivered INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (thread, account)
) WITHOUT ROWID, STRICT;

-- Where each account finds its threads. An index on (account, folder) would be written again with each
-- receipt; this is written when a thread moves.
CREATE TABLE shelves (
    account INTEGER NOT NULL,
    folder TEXT NOT NULL,
    thread INTEGER NOT NULL,
    PRIMARY KEY (account, folder, thread)
) WITHOUT ROWID, STRICT;
CREATE TRIGGER members_put AFTER INSERT ON members BEGIN
    INSERT INTO shelves VALUES (new.account, new.folder, new.thread);
END;
CREATE TRIGGER members_moved AFTER UPDATE OF folder ON members WHEN new.folder <> old.folder BEGIN
    DELETE FROM shelves WHERE account = old.account AND folder = old.folder AND thread = old.thread;
    INSERT INTO shelves VALUES (new.account, new.folder, new.thread);
END;

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    network TEXT NOT NULL,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    person TEXT NOT NULL,
    hybrid TEXT NOT NULL,
    state TEXT NOT NULL,
    picture TEXT NOT NULL,
    private INTEGER NOT NULL,
    region TEXT NOT NULL,
    professional INTEGER NOT NULL,
    minor INTEGER NOT NULL,
    suspected INTEGER NOT NULL,
    phone BLOB NOT NULL,
    shows_typing INTEGER NOT NULL,
    shows_presence INTEGER NOT NULL,
    shows_receipts INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    erase_at INTEGER NOT NULL,
    placeholder INTEGER NOT NULL,
    handle_key TEXT, -- NULL only within a transaction in which handles change hands
    crc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX accounts_by_handle ON accounts (network, handle_key);

CREATE TABLE persons (
    id TEXT PRIMARY KEY,
    accounts BLOB NOT NULL,
    single_sign_on INTEGER NOT NULL,
    sync_name INTEGER NOT NULL,
    sync_picture INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE controls (
    account TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    outcomes BLOB NOT NULL,
    keep_connected INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE ties (
    owner TEXT NOT NULL,
    other TEXT NOT NULL,
    follows INTEGER NOT NULL,
    follow_asked INTEGER NOT NULL,
    friend INTEGER NOT NULL,
    friend_asked INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    restricts INTEGER NOT NULL,
    hides INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    claimed TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (owner, other)
) WITHOUT ROWID, STRICT;
CREATE INDEX ties_friends ON ties (owner, other) WHERE friend = 1;
CREATE INDEX ties_follow_in ON ties (other, owner) WHERE follows = 1 OR follow_asked = 1;
CREATE INDEX ties_friend_in ON ties (other, owner) WHERE friend = 1 OR friend_asked = 1;
CREATE INDEX ties_tight_out ON ties (owner, other) WHERE blocks = 1 OR restricts = 1 OR hides = 1;
CREATE INDEX ties_tight_in ON ties (other, owner) WHERE blocks = 1 OR restricts = 1 OR hides = 1;

CREATE TABLE contacts (
    account TEXT PRIMARY KEY,
    phones BLOB NOT NULL,
    uploads INTEGER NOT NULL,
    day INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;

CREATE TABLE link_asks (
    asker TEXT NOT NULL,
    other TEXT NOT NULL,
    until INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (asker, other)
) WITHOUT ROWID, STRICT;

CREATE TABLE unlinkings (
    account TEXT PRIMARY KEY,
    others BLOB NOT NULL,
    until INTEGER NOT NULL,
    hybrids BLOB NOT NULL,
    single_sign_on INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE credentials (account TEXT PRIMARY KEY, password TEXT NOT NULL, crc INTEGER NOT NULL)
WITHOUT ROWID, STRICT;

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    token BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX devices_by_account ON devices (account) WHERE revoked = 0;
CREATE INDEX devices_by_token ON devices (token);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    deed TEXT NOT NULL,
    account TEXT NOT NULL,
    detail TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_account ON audit (account);

-- The words of messages (bridge/store/words.py); `who` holds the accounts of a pair, else the thread,
-- so that a search touches nobody else's hits. Lags behind the messages up to mark `searchable`.
CREATE VIRTUAL TABLE words USING fts5 (
    said, who, content = '', columnsize = 0, tokenize = 'ascii'
);
