DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
         WHERE attrelid = to_regclass('whatsapp_imports') AND attname = 'stored_in'
           AND format_type(atttypid, atttypmod) = 'text' AND NOT attnotnull AND NOT attisdropped
    ) THEN
        RAISE EXCEPTION 'whatsapp_imports: no column stored_in (text, may be null)';
    END IF;
END
$$;
