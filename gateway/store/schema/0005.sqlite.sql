-- What a contact was notified of last: asked when a reply names no incident and none of theirs is in memory. A notification
-- enters this index when a provider has taken it: making and claiming one never touch it.
CREATE INDEX notifications_told ON notifications (contact, id) WHERE state IN ('accepted', 'delivered');
