-- True of the table that 0001 makes and of the one that the service's own migration made:
-- further columns, indexes and triggers are tolerated.

DO $$
DECLARE
    wrong text;
BEGIN
    IF to_regclass('whatsapp_auth') IS NULL THEN
        RAISE EXCEPTION 'table whatsapp_auth does not exist';
    END IF;

    SELECT string_agg(format('%s must be %s, is %s', needed.name, needed.type,
                             coalesce(format_type(a.atttypid, NULL), 'missing')), '; ')
      INTO wrong
      FROM (VALUES ('company_id', 'text', ARRAY['text', 'character varying']),
                   ('creds', 'jsonb', ARRAY['jsonb']),
                   ('created_at', 'timestamptz',
                    ARRAY['timestamp with time zone', 'timestamp without time zone']),
                   ('updated_at', 'timestamptz',
                    ARRAY['timestamp with time zone', 'timestamp without time zone'])
           ) AS needed (name, type, accepted)
      LEFT JOIN pg_attribute a
        ON a.attrelid = to_regclass('whatsapp_auth') AND a.attname = needed.name
       AND NOT a.attisdropped
     WHERE a.attname IS NULL OR format_type(a.atttypid, NULL) <> ALL (needed.accepted);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_auth: %', wrong;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_index i
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = to_regclass('whatsapp_auth') AND i.indisunique AND i.indisvalid
           AND i.indpred IS NULL AND i.indnkeyatts = 1 AND a.attname = 'company_id'
    ) THEN
        RAISE EXCEPTION 'whatsapp_auth: company_id must be unique, or a company could have two credentials';
    END IF;

    SELECT string_agg(attname, ', ') INTO wrong
      FROM pg_attribute
     WHERE attrelid = to_regclass('whatsapp_auth') AND attnum > 0 AND NOT attisdropped
       AND attnotnull AND NOT atthasdef AND attidentity = ''
       AND attname NOT IN ('company_id', 'creds');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_auth: further columns without a default would refuse an import: %', wrong;
    END IF;

    IF (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('whatsapp_auth')) THEN
        RAISE EXCEPTION 'whatsapp_auth: row level security is on and could hide rows from the service';
    END IF;
END
$$;
