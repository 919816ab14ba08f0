DO $$
BEGIN
    IF EXISTS (SELECT FROM whatsapp_auth) THEN
        RAISE EXCEPTION 'whatsapp_auth holds credentials; reverting would destroy them';
    END IF;
END
$$;

DROP TABLE whatsapp_auth;
DROP FUNCTION whatsapp_auth_touch();
