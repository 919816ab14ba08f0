DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
         WHERE attrelid = to_regclass('whatsapp_imports') AND attname = 'identity_sha256'
           AND NOT attisdropped AND atttypid = 'text'::regtype AND NOT attnotnull
    ) THEN
        RAISE EXCEPTION 'whatsapp_imports: no column identity_sha256 (text, may be null)';
    END IF;
END
$$;
