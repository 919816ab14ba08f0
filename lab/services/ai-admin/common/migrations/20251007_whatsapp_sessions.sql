-- WhatsApp sessions in PostgreSQL: credentials and Signal keys.
CREATE TABLE IF NOT EXISTS whatsapp_auth (
    company_id TEXT PRIMARY KEY,
    creds      JSONB NOT NULL,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS whatsapp_keys (
    company_id TEXT NOT NULL,
    key_type   TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    value      JSONB NOT NULL,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    expires_at TIMESTAMPTZ,
    PRIMARY KEY (company_id, key_type, key_id)
);

CREATE INDEX IF NOT EXISTS idx_whatsapp_auth_company ON whatsapp_auth (company_id);
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_company ON whatsapp_keys (company_id);
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_type ON whatsapp_keys (key_type);
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_expires ON whatsapp_keys (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_company_type ON whatsapp_keys (company_id, key_type);

CREATE OR REPLACE FUNCTION update_whatsapp_updated_at() RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = NOW();
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS trigger_whatsapp_auth_updated_at ON whatsapp_auth;
CREATE TRIGGER trigger_whatsapp_auth_updated_at BEFORE UPDATE ON whatsapp_auth
    FOR EACH ROW EXECUTE FUNCTION update_whatsapp_updated_at();
DROP TRIGGER IF EXISTS trigger_whatsapp_keys_updated_at ON whatsapp_keys;
CREATE TRIGGER trigger_whatsapp_keys_updated_at BEFORE UPDATE ON whatsapp_keys
    FOR EACH ROW EXECUTE FUNCTION update_whatsapp_updated_at();

ALTER TABLE whatsapp_auth ENABLE ROW LEVEL SECURITY;
ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS whatsapp_auth_all ON whatsapp_auth;
CREATE POLICY whatsapp_auth_all ON whatsapp_auth FOR ALL USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS whatsapp_keys_all ON whatsapp_keys;
CREATE POLICY whatsapp_keys_all ON whatsapp_keys FOR ALL USING (true) WITH CHECK (true);

-- Called by the application every six hours.
CREATE OR REPLACE FUNCTION cleanup_expired_whatsapp_keys() RETURNS INTEGER AS $$
DECLARE
    deleted INTEGER;
BEGIN
    DELETE FROM whatsapp_keys WHERE expires_at < NOW();
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION get_whatsapp_keys_stats(p_company_id TEXT)
RETURNS TABLE (key_type TEXT, total BIGINT, expired BIGINT, newest TIMESTAMPTZ) AS $$
    SELECT k.key_type, COUNT(*), COUNT(*) FILTER (WHERE k.expires_at < NOW()), MAX(k.updated_at)
      FROM whatsapp_keys k WHERE k.company_id = p_company_id GROUP BY k.key_type ORDER BY 1;
$$ LANGUAGE sql STABLE;
