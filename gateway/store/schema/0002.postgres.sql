-- Who replied to an incident that they had not been told of, separated by commas: they too belong to `everyone`. Whoever
-- owned an incident before this column was there has replied.
ALTER TABLE incidents ADD COLUMN repliers TEXT NOT NULL DEFAULT '';
UPDATE incidents SET repliers = owner WHERE live = 1 AND owner <> '' AND position(' ' IN owner) = 0;

-- Alerts of incidents that are no longer live are found by source and key, so that a later firing names the incident
-- before it. An alert enters this index when its incident leaves memory: a new one never touches it.
ALTER TABLE alerts ADD COLUMN over BIGINT NOT NULL DEFAULT 0;
UPDATE alerts SET over = 1 WHERE incident IN (SELECT number FROM incidents WHERE live = 0);
CREATE INDEX alerts_over ON alerts (source, key, id) WHERE over = 1;
