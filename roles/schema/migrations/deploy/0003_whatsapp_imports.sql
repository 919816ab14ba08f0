-- What was imported from session files, file by file: the record that proofs, withdrawals
-- and the later removal of the files rest on. It outlives the rows it describes.

CREATE TABLE whatsapp_imports (
    import_id    uuid        PRIMARY KEY,
    company_id   text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('staged', 'active', 'withdrawn')),
    rollout_id   text        NOT NULL,
    host         text        NOT NULL,
    source       text        NOT NULL,
    creds_sha256 text        NOT NULL,
    key_count    bigint      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    withdrawn_at timestamptz
);

-- A company is imported once: a second import would set its ratchets back.
CREATE UNIQUE INDEX whatsapp_imports_one_a_company
    ON whatsapp_imports (company_id) WHERE state <> 'withdrawn';

-- creds.json is a row like the others, without type and id. No foreign key: checked row by
-- row it takes a third of an import's time, and these rows are only written with their import.
CREATE TABLE whatsapp_import_files (
    import_id    uuid NOT NULL,
    file_name    text NOT NULL,
    key_type     text,
    key_id       text,
    file_sha256  text NOT NULL,
    value_sha256 text NOT NULL,
    PRIMARY KEY (import_id, file_name),
    CHECK ((key_type IS NULL) = (key_id IS NULL))
);
