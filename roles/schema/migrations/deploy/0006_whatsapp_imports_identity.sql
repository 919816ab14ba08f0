-- Which pairing was imported: a digest of what a pairing is born with. Where the credentials have
-- another one by now, the company was paired anew, and the database no longer has what was imported.
-- Records from before this have none and are taken for neither.

ALTER TABLE whatsapp_imports ADD COLUMN identity_sha256 text;
