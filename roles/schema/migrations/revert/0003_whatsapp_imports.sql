DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_imports WHERE state <> 'withdrawn') THEN
        RAISE EXCEPTION 'whatsapp_imports holds records that the removal of session files rests on';
    END IF;
END
$$;

DROP TABLE whatsapp_import_files;
DROP TABLE whatsapp_imports;
