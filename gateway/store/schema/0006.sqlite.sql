-- Two indexes fewer in each new incident. What is open is found by incidents_open, which it needs anyway; these two are
-- entered when an incident is resolved and when it leaves memory.
DROP INDEX incidents_live;
DROP INDEX incidents_policy;
CREATE INDEX incidents_lingering ON incidents (live) WHERE live = 1 AND open = 0;
CREATE INDEX incidents_over ON incidents (policy) WHERE live = 0;
