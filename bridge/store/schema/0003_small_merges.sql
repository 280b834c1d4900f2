-- v2 → v3, readable by code ≥ v2: the index of words is merged a little with each piece that it takes in, never much at once.

-- FTS5 merges by itself in bursts, which hold commits up for tens of milliseconds. So it is told what to merge
-- (bridge/store/sqlite/search.py), from eight segments of a level on.
INSERT INTO words (words, rank) VALUES ('automerge', 0);
INSERT INTO words (words, rank) VALUES ('usermerge', 8);
