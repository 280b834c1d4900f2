-- v2 → v3, readable by code ≥ v3: ties tell what an unlink copied, which their owners are not shown.

-- The bodies of ties and their bonds need no change: none says so yet.
COMMENT ON COLUMN ties.bonds IS
    '1 follows or asked to, 2 friend or asked to be, 4 friend, 8 blocks, 16 restricts, 32 hides, 64 its block, 128 its restriction was copied by an unlink';
