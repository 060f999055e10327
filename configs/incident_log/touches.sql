-- Every update of an incident is an interaction between its caller and whoever made the update.
-- The first one was the caller's doing.
SELECT
    location AS account_id,
    caller_id AS contact_id,
    sys_updated_by AS rep_id,
    sys_updated_at AS occurred_at,
    sys_updated_at AS known_at,
    contact_type AS channel,
    CASE WHEN sys_mod_count = 0 THEN 'account' ELSE 'supplier' END AS initiated_by
FROM events
WHERE location IS NOT NULL
  AND caller_id IS NOT NULL
