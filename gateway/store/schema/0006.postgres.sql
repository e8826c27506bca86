-- One index fewer in each new incident: an incident enters this one when it leaves memory, and until then incidents_live
-- leads to it.
DROP INDEX incidents_policy;
CREATE INDEX incidents_policy_over ON incidents (policy, number) WHERE live = 0;
