-- v0 → v1, readable by code ≥ v1: the first schema.

-- `body` is a record with its checksum as bridge/store/rows.py writes it; beside it stand the key and the few
-- columns that questions need. Ids sort by code point, as everywhere. What grows with each message is keyed so
-- that it can be partitioned: by account (journal, verdicts) or by thread (messages). docs/store.md tells more.

CREATE TABLE marks (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO marks VALUES ('epoch', 1);

CREATE TABLE accounts (
    id text COLLATE "C" PRIMARY KEY,
    network text NOT NULL,
    handle_key text COLLATE "C", -- NULL only within a transaction in which handles change hands
    body bytea NOT NULL
);
CREATE UNIQUE INDEX accounts_by_handle ON accounts (network, handle_key);

-- bonds: 1 follows or asked to, 2 friend or asked to be, 4 friend, 8 blocks, 16 restricts, 32 hides.
CREATE TABLE ties (
    owner text COLLATE "C",
    other text COLLATE "C",
    bonds integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (owner, other)
);
CREATE INDEX ties_aimed ON ties (other, owner) WHERE bonds & 3 <> 0;
CREATE INDEX ties_tight_out ON ties (owner, other) WHERE bonds & 56 <> 0;
CREATE INDEX ties_tight_in ON ties (other, owner) WHERE bonds & 56 <> 0;

-- No index holds what changes with each message, so that an update touches one page.
CREATE TABLE threads (
    id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    tip bigint NOT NULL,
    last_at bigint NOT NULL,
    beside text COLLATE "C",
    body bytea NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX threads_beside ON threads (beside) WHERE beside IS NOT NULL;

-- seen: how many of the thread's messages are read or its own; `tip - seen` are unread.
CREATE TABLE members (
    thread text COLLATE "C",
    account text COLLATE "C",
    folder text NOT NULL,
    seen bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (thread, account)
) WITH (fillfactor = 70);
CREATE INDEX members_by_account ON members (account, folder, thread);

CREATE TABLE devices (
    id text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    token bytea NOT NULL,
    revoked boolean NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX devices_by_account ON devices (account) WHERE NOT revoked;
CREATE INDEX devices_by_token ON devices (token);

-- Records that are only ever asked for by their key, which has one part or two.
CREATE TABLE records (
    kind text,
    one text COLLATE "C",
    two text COLLATE "C",
    body bytea NOT NULL,
    PRIMARY KEY (kind, one, two)
);

-- receiver: only of refusals.
CREATE TABLE verdicts (
    account text COLLATE "C",
    token text COLLATE "C",
    receiver text COLLATE "C",
    at bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (account, token)
);
CREATE INDEX verdicts_refused ON verdicts (receiver, at) WHERE receiver IS NOT NULL;

-- place: rises with what is committed; orders what a search finds.
-- words: the words of the text, and whose they are (bridge/store/postgres/search.py); NULL without a text.
CREATE SEQUENCE places;
CREATE TABLE messages (
    thread text COLLATE "C",
    seq bigint,
    place bigint NOT NULL DEFAULT nextval('places'),
    sender text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    erased boolean NOT NULL DEFAULT false,
    body bytea NOT NULL,
    words tsvector,
    PRIMARY KEY (thread, seq)
);
CREATE INDEX messages_by_words ON messages USING gin (words);

CREATE SEQUENCE event_numbers;
CREATE TABLE events (
    id bigint PRIMARY KEY DEFAULT nextval('event_numbers'),
    body bytea NOT NULL,
    uses integer NOT NULL -- how many journals still refer to it
);

-- newest: the position of the newest line; counts on when lines are trimmed. Locked by whoever tells.
CREATE TABLE heads (
    account text COLLATE "C" PRIMARY KEY,
    newest bigint NOT NULL
) WITH (fillfactor = 50);

-- A line refers to the message (thread, seq) or, where thread is NULL, to the event with the number seq.
CREATE TABLE journal (
    account text COLLATE "C",
    position bigint,
    at bigint NOT NULL,
    thread text COLLATE "C",
    seq bigint NOT NULL,
    PRIMARY KEY (account, position)
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX audit_by_account ON audit (account, id);

-- One row for each commit of the last hour: what a node asks whose connection broke while it committed
-- (docs/decisions/0020). heads: the heads it made, or NULL if that node made the commit void.
CREATE TABLE commits (
    token bytea PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    heads bigint[]
);
CREATE INDEX commits_by_time ON commits USING brin (at);
