-- Signal keys: many rows a company. The primary key is the only index and a third of each
-- page is left free: measured, updates then stay within their page, and imports are faster
-- (docs/facts.md section 4).

CREATE TABLE whatsapp_keys (
    company_id text        NOT NULL,
    key_type   text        NOT NULL,
    key_id     text        NOT NULL,
    value      jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (company_id, key_type, key_id)
) WITH (fillfactor = 70);

CREATE FUNCTION whatsapp_keys_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER whatsapp_keys_touch BEFORE UPDATE ON whatsapp_keys
    FOR EACH ROW EXECUTE FUNCTION whatsapp_keys_touch();
