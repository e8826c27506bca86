-- What an incident has to say to those affected, and what it asks of people with their answers: JSON text, '' without any.
ALTER TABLE incidents ADD COLUMN talks TEXT NOT NULL DEFAULT '';
