DO $$
DECLARE
    action "char";
BEGIN
    SELECT confdeltype INTO action
      FROM pg_constraint
     WHERE conrelid = to_regclass('whatsapp_keys') AND confrelid = to_regclass('whatsapp_auth')
       AND contype = 'f';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'whatsapp_keys: no foreign key to whatsapp_auth';
    END IF;
    IF action NOT IN ('r', 'a') THEN
        RAISE EXCEPTION 'whatsapp_keys: its foreign key must refuse (ON DELETE RESTRICT), or deleting credentials would take the keys along';
    END IF;
END
$$;
