DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_keys) THEN
        RAISE EXCEPTION 'whatsapp_keys holds keys; reverting would destroy them';
    END IF;
END
$$;

DROP TABLE whatsapp_keys;
DROP FUNCTION whatsapp_keys_touch();
