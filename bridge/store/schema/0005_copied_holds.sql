-- v4 → v5, readable by code ≥ v5: ties tell what an unlink copied, which their owners are not shown.

-- `blocks`, `restricts` and `hides` hold 2 where an unlink copied them (bridge/domain/hold.py), else 1 or 0 as before.
DROP INDEX ties_tight_out;
DROP INDEX ties_tight_in;
CREATE INDEX ties_tight_out ON ties (owner, other) WHERE blocks > 0 OR restricts > 0 OR hides > 0;
CREATE INDEX ties_tight_in ON ties (other, owner) WHERE blocks > 0 OR restricts > 0 OR hides > 0;
