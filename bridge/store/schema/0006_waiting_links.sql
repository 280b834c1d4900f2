-- v5 → v6, readable by code ≥ v5: a device that signs in later asks which links wait for its account.

CREATE TABLE waiting_links (account TEXT PRIMARY KEY, askers BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID, STRICT;
