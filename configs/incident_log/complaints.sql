-- The event log of an incident process (doi:10.24432/C57S4H) has one row per update; the time of an
-- update is when it became known. An incident is a complaint of a location. The first update whose
-- state is not New is the first response. `resolved_at` stands on every row of an incident, even
-- on those from before the resolution, so it is known only from the first update that says so.
SELECT
    number AS complaint_id,
    arg_min(location, sys_updated_at) AS account_id,
    min(opened_at) AS opened_at,
    min(sys_updated_at) AS known_at,
    min(sys_updated_at) FILTER (ident_state <> 'New') AS first_response_at,
    max(resolved_at) AS resolved_at,
    greatest(
        max(resolved_at),
        min(sys_updated_at) FILTER (ident_state IN ('Resolved', 'Closed'))
    ) AS resolved_known_at,
    arg_min(category, sys_updated_at) AS category
FROM events
GROUP BY number
HAVING arg_min(location, sys_updated_at) IS NOT NULL
