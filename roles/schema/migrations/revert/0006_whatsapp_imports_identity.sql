DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_imports WHERE identity_sha256 IS NOT NULL AND state <> 'withdrawn') THEN
        RAISE EXCEPTION 'whatsapp_imports knows which pairings were imported, and nothing could tell again; UPDATE whatsapp_imports SET identity_sha256 = NULL first';
    END IF;
END
$$;

ALTER TABLE whatsapp_imports DROP COLUMN identity_sha256;
