-- v1 → v2, readable by code ≥ v2: a whole batch in one call, hence one round trip and one transaction.

-- Locks first, in an order that all keep: stripes of what is seldom written, then heads of journals, then rows
-- by table and key. Each statement sees what was committed before it began, so what is checked after the locks
-- is checked against the newest. The name carries a number: nodes of two versions may run side by side.
-- Arrays of one table's columns run in parallel and are sorted by its key.

CREATE FUNCTION keep_1(
    v_now bigint, v_token bytea,
    -- which stripes, and whether for writing
    v_stripes integer[], v_exclusive boolean[],
    -- what was read: slices of (one, two, body) by table, in the order in which the tables are listed below
    v_slices integer[], v_one text[], v_two text[], v_was bytea[],
    -- journals that are told, and of how many lines
    v_heads text[], v_counts bigint[],
    accounts_id text[], accounts_network text[], accounts_handle text[], accounts_body bytea[],
    ties_owner text[], ties_other text[], ties_bonds integer[], ties_body bytea[],
    threads_id text[], threads_kind text[], threads_tip bigint[], threads_last_at bigint[],
    threads_beside text[], threads_body bytea[],
    members_thread text[], members_account text[], members_folder text[], members_seen bigint[],
    members_body bytea[],
    devices_id text[], devices_account text[], devices_token bytea[], devices_revoked boolean[],
    devices_body bytea[],
    records_kind text[], records_one text[], records_two text[], records_body bytea[],
    verdicts_account text[], verdicts_token text[], verdicts_receiver text[], verdicts_at bigint[],
    verdicts_body bytea[],
    messages_thread text[], messages_seq bigint[], messages_sender text[], messages_at bigint[],
    messages_body bytea[], messages_words text[],
    events_body bytea[], events_uses integer[],
    -- lines: whose, how many-th of its head, which head, and the message, or which of the events
    lines_account text[], lines_offset bigint[], lines_head integer[], lines_thread text[], lines_seq bigint[],
    audit_account text[], audit_body bytea[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    namespace integer := hashtext(current_schema());
    made bigint[] := '{}';
    events_id bigint[];
    lo integer;
    hi integer;
    there bigint;
BEGIN
    PERFORM CASE WHEN s.exclusive THEN pg_advisory_xact_lock(namespace, s.stripe)
                 ELSE pg_advisory_xact_lock_shared(namespace, s.stripe) END
    FROM unnest(v_stripes, v_exclusive) AS s (stripe, exclusive);

    IF v_heads <> '{}' THEN
        WITH told AS (
            INSERT INTO heads AS h (account, newest)
            SELECT n.account, n.lines FROM unnest(v_heads, v_counts) AS n (account, lines)
            ON CONFLICT (account) DO UPDATE SET newest = h.newest + excluded.newest
            RETURNING h.account, h.newest
        )
        SELECT array_agg(newest ORDER BY account) INTO made FROM told;
    END IF;

    -- v_slices[k] is where the slice of table k ends
    lo := 1; hi := v_slices[1];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_was[lo:hi]) AS r (one, body) LEFT JOIN accounts AS t ON t.id = r.one
        WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'an account moved'; END IF;
    lo := hi + 1; hi := v_slices[2];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_two[lo:hi], v_was[lo:hi]) AS r (one, two, body)
        LEFT JOIN ties AS t ON t.owner = r.one AND t.other = r.two WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a tie moved'; END IF;
    lo := hi + 1; hi := v_slices[3];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_was[lo:hi]) AS r (one, body) LEFT JOIN threads AS t ON t.id = r.one
        WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a thread moved'; END IF;
    lo := hi + 1; hi := v_slices[4];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_two[lo:hi], v_was[lo:hi]) AS r (one, two, body)
        LEFT JOIN members AS t ON t.thread = r.one AND t.account = r.two WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a member moved'; END IF;
    lo := hi + 1; hi := v_slices[5];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_was[lo:hi]) AS r (one, body) LEFT JOIN devices AS t ON t.id = r.one
        WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a device moved'; END IF;
    lo := hi + 1; hi := v_slices[6];
    IF hi >= lo AND EXISTS (
        -- here alone the kind stands in front of a key's first part: 'kind/one'
        SELECT FROM unnest(v_one[lo:hi], v_two[lo:hi], v_was[lo:hi]) AS r (one, two, body)
        LEFT JOIN records AS t ON t.kind = split_part(r.one, '/', 1)
            AND t.one = substr(r.one, strpos(r.one, '/') + 1) AND t.two = r.two
        WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a record moved'; END IF;
    lo := hi + 1; hi := v_slices[7];
    IF hi >= lo AND EXISTS (
        SELECT FROM unnest(v_one[lo:hi], v_two[lo:hi], v_was[lo:hi]) AS r (one, two, body)
        LEFT JOIN verdicts AS t ON t.account = r.one AND t.token = r.two WHERE t.body IS DISTINCT FROM r.body
    ) THEN RAISE SQLSTATE 'IS001' USING MESSAGE = 'a verdict moved'; END IF;

    IF accounts_id <> '{}' THEN
        IF cardinality(accounts_id) > 1 THEN -- a handle may pass from one to the other
            UPDATE accounts SET handle_key = NULL WHERE id = ANY (accounts_id);
        END IF;
        INSERT INTO accounts (id, network, handle_key, body)
        SELECT * FROM unnest(accounts_id, accounts_network, accounts_handle, accounts_body)
        ON CONFLICT (id) DO UPDATE
        SET network = excluded.network, handle_key = excluded.handle_key, body = excluded.body;
    END IF;
    IF ties_owner <> '{}' THEN
        INSERT INTO ties (owner, other, bonds, body)
        SELECT * FROM unnest(ties_owner, ties_other, ties_bonds, ties_body)
        ON CONFLICT (owner, other) DO UPDATE SET bonds = excluded.bonds, body = excluded.body;
    END IF;
    IF threads_id <> '{}' THEN
        INSERT INTO threads (id, kind, tip, last_at, beside, body)
        SELECT * FROM unnest(
            threads_id, threads_kind, threads_tip, threads_last_at, threads_beside, threads_body
        )
        ON CONFLICT (id) DO UPDATE
        SET kind = excluded.kind, tip = excluded.tip, last_at = excluded.last_at,
            beside = excluded.beside, body = excluded.body;
    END IF;
    IF members_thread <> '{}' THEN
        INSERT INTO members (thread, account, folder, seen, body)
        SELECT * FROM unnest(members_thread, members_account, members_folder, members_seen, members_body)
        ON CONFLICT (thread, account) DO UPDATE
        SET folder = excluded.folder, seen = excluded.seen, body = excluded.body;
    END IF;
    IF devices_id <> '{}' THEN
        INSERT INTO devices (id, account, token, revoked, body)
        SELECT * FROM unnest(devices_id, devices_account, devices_token, devices_revoked, devices_body)
        ON CONFLICT (id) DO UPDATE
        SET account = excluded.account, token = excluded.token, revoked = excluded.revoked,
            body = excluded.body;
    END IF;
    IF records_kind <> '{}' THEN
        INSERT INTO records (kind, one, two, body)
        SELECT * FROM unnest(records_kind, records_one, records_two, records_body)
        ON CONFLICT (kind, one, two) DO UPDATE SET body = excluded.body;
    END IF;

    IF verdicts_account <> '{}' THEN
        INSERT INTO verdicts (account, token, receiver, at, body)
        SELECT * FROM unnest(
            verdicts_account, verdicts_token, verdicts_receiver, verdicts_at, verdicts_body
        ) ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS there = ROW_COUNT;
        IF there < cardinality(verdicts_account) THEN
            RAISE SQLSTATE 'IS001' USING MESSAGE = 'a token was used';
        END IF;
    END IF;
    IF messages_thread <> '{}' THEN
        INSERT INTO messages (thread, seq, sender, at, body, words)
        SELECT m.thread, m.seq, m.sender, m.at, m.body, m.words::tsvector FROM unnest(
            messages_thread, messages_seq, messages_sender, messages_at, messages_body, messages_words
        ) AS m (thread, seq, sender, at, body, words) ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS there = ROW_COUNT;
        IF there < cardinality(messages_thread) THEN
            RAISE SQLSTATE 'IS001' USING MESSAGE = 'a seq was used';
        END IF;
    END IF;

    IF events_body <> '{}' THEN
        events_id := ARRAY(SELECT nextval('event_numbers') FROM generate_series(1, cardinality(events_body)));
        INSERT INTO events (id, body, uses) SELECT * FROM unnest(events_id, events_body, events_uses);
    END IF;
    IF lines_account <> '{}' THEN
        INSERT INTO journal (account, position, at, thread, seq)
        SELECT l.account, made[l.head] - v_counts[l.head] + l.nth, v_now, l.thread,
               CASE WHEN l.thread IS NULL THEN events_id[l.seq] ELSE l.seq END
        FROM unnest(lines_account, lines_offset, lines_head, lines_thread, lines_seq)
             AS l (account, nth, head, thread, seq);
    END IF;
    IF audit_account <> '{}' THEN
        INSERT INTO audit (account, body) SELECT * FROM unnest(audit_account, audit_body);
    END IF;

    -- Last: whoever waits for the outcome waits for this row.
    IF v_token IS NOT NULL THEN -- NULL: it only looks
        INSERT INTO commits (token, heads) VALUES (v_token, made);
    END IF;
    RETURN made;
END $$;

-- Settles whether a commit happened whose answer was lost; from then on it cannot happen any more. Waits for one
-- that is under way. NULL: it did not.
CREATE FUNCTION settle_1(v_token bytea) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE made bigint[];
BEGIN
    INSERT INTO commits (token, heads) VALUES (v_token, NULL) ON CONFLICT DO NOTHING;
    SELECT heads INTO made FROM commits WHERE token = v_token;
    RETURN made;
END $$;
