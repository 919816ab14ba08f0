-- True of the table that 0001 makes and of the one that the service's own migration made:
-- further columns, indexes and triggers are tolerated.

DO $$
DECLARE
    wrong text;
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'the database is in %, which can not hold every name and key. Make another: CREATE DATABASE NAME ENCODING ''UTF8'' TEMPLATE template0; then pg_dump into it', getdatabaseencoding();
    END IF;

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

    -- A policy that lets everything through hides nothing, and the service's own migration makes one.
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('whatsapp_auth'))
       AND (SELECT count(*) FILTER (WHERE polpermissive AND pg_get_expr(polqual, polrelid) = 'true') = 0
                OR count(*) FILTER (WHERE NOT polpermissive AND pg_get_expr(polqual, polrelid) <> 'true') > 0
              FROM pg_policy WHERE polrelid = to_regclass('whatsapp_auth') AND polcmd IN ('r', '*')) THEN
        RAISE EXCEPTION 'whatsapp_auth: row level security is on and could hide rows from the service: CREATE POLICY every_row ON whatsapp_auth USING (true) WITH CHECK (true), or ALTER TABLE whatsapp_auth DISABLE ROW LEVEL SECURITY';
    END IF;

    -- Names of files are up to 255 bytes long, and a key's id is most of one.
    SELECT string_agg(format('ALTER TABLE whatsapp_auth ALTER %I TYPE text', attname), '; ') INTO wrong
      FROM pg_attribute JOIN (VALUES ('company_id', 64)) AS needed (name, characters) ON attname = name
     WHERE attrelid = to_regclass('whatsapp_auth') AND NOT attisdropped
       AND atttypmod - 4 BETWEEN 0 AND characters - 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_auth: a length limit would refuse an import: %', wrong;
    END IF;

    -- An entry of a B-tree is at most 2,704 bytes long; a row of credentials is longer.
    SELECT string_agg(format('DROP INDEX CONCURRENTLY %s', indexrelid::regclass), '; ') INTO wrong
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am am ON am.oid = c.relam
     WHERE indrelid = to_regclass('whatsapp_auth') AND amname = 'btree'
       AND EXISTS (SELECT FROM pg_depend JOIN pg_attribute
                       ON attrelid = refobjid AND attnum = refobjsubid
                    WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                      AND refobjid = indrelid AND attname = 'creds');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_auth: an index holds creds and would refuse an import: %', wrong;
    END IF;
END
$$;
