-- What people say about an incident besides that they have it: loss, restore, and when the owner is asked again
-- (policies/fields.h writes and reads it; '' when nothing of it has happened).
ALTER TABLE incidents ADD COLUMN fields TEXT NOT NULL DEFAULT '';
