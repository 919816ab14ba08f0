-- Credentials: one row a company.

CREATE TABLE whatsapp_auth (
    company_id text        PRIMARY KEY,
    creds      jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- When a row last changed is evidence when old files are compared with it, so it must not
-- depend on what the service remembers to set.
CREATE FUNCTION whatsapp_auth_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER whatsapp_auth_touch BEFORE UPDATE ON whatsapp_auth
    FOR EACH ROW EXECUTE FUNCTION whatsapp_auth_touch();
