DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_stats) THEN
        RAISE EXCEPTION 'whatsapp_stats holds a history that can not be measured again; TRUNCATE whatsapp_stats first';
    END IF;
END
$$;

DROP TABLE whatsapp_stats;
