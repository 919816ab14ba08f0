-- Reads of many keys from the index alone.
DROP INDEX IF EXISTS idx_whatsapp_keys_company_type;
CREATE INDEX IF NOT EXISTS idx_whatsapp_keys_covering ON whatsapp_keys (company_id, key_type, key_id)
    INCLUDE (value, created_at, updated_at, expires_at);
