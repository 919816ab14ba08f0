"""The tables as the service's own migration made them, as docs/facts.md section 1 describes them.

Four further indexes, updated_at triggers, a clean-up function, and a key without credentials.
"""

ORIGINAL = """
CREATE TABLE whatsapp_auth (
    company_id text PRIMARY KEY, creds jsonb NOT NULL,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE whatsapp_keys (
    company_id text NOT NULL, key_type text NOT NULL, key_id text NOT NULL,
    value jsonb NOT NULL, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(), expires_at timestamptz,
    PRIMARY KEY (company_id, key_type, key_id));
CREATE INDEX k1 ON whatsapp_keys (company_id);
CREATE INDEX k2 ON whatsapp_keys (key_type);
CREATE INDEX k3 ON whatsapp_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX k4 ON whatsapp_keys (company_id, key_type);
CREATE FUNCTION update_updated_at() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
CREATE TRIGGER t1 BEFORE UPDATE ON whatsapp_auth
    FOR EACH ROW EXECUTE FUNCTION update_updated_at();
CREATE TRIGGER t2 BEFORE UPDATE ON whatsapp_keys
    FOR EACH ROW EXECUTE FUNCTION update_updated_at();
CREATE FUNCTION cleanup_expired_whatsapp_keys() RETURNS integer LANGUAGE sql AS
    $$ WITH gone AS (DELETE FROM whatsapp_keys WHERE expires_at < now() RETURNING 1)
       SELECT count(*)::integer FROM gone $$;
INSERT INTO whatsapp_auth VALUES ('1', '{"me":{"id":"1"}}');
INSERT INTO whatsapp_keys VALUES ('1', 'pre-key', '1', '{}'), ('orphan', 'pre-key', '1', '{}');
"""
