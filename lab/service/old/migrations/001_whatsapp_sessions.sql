-- Sessions in PostgreSQL: credentials and Signal keys of each company.

CREATE TABLE IF NOT EXISTS whatsapp_auth (
    company_id text PRIMARY KEY,
    creds      jsonb NOT NULL,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS whatsapp_keys (
    company_id text  NOT NULL,
    key_type   text  NOT NULL,
    key_id     text  NOT NULL,
    value      jsonb NOT NULL,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (company_id, key_type, key_id)
);

CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_company_id ON whatsapp_keys (company_id);
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_key_type ON whatsapp_keys (key_type);
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_expires_at ON whatsapp_keys (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_company_type ON whatsapp_keys (company_id, key_type);

CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS update_whatsapp_auth_updated_at ON whatsapp_auth;
CREATE TRIGGER update_whatsapp_auth_updated_at BEFORE UPDATE ON whatsapp_auth
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
DROP TRIGGER IF EXISTS update_whatsapp_keys_updated_at ON whatsapp_keys;
CREATE TRIGGER update_whatsapp_keys_updated_at BEFORE UPDATE ON whatsapp_keys
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE OR REPLACE FUNCTION cleanup_expired_whatsapp_keys() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    deleted integer;
BEGIN
    DELETE FROM whatsapp_keys WHERE expires_at IS NOT NULL AND expires_at < now();
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;
