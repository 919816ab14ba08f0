DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_imports WHERE stored_in IS NOT NULL AND state <> 'withdrawn') THEN
        RAISE EXCEPTION 'whatsapp_imports knows where its rows went, and nothing could tell again; UPDATE whatsapp_imports SET stored_in = NULL first';
    END IF;
END
$$;

ALTER TABLE whatsapp_imports DROP COLUMN stored_in;
