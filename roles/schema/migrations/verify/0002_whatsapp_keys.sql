-- True of the table that 0002 makes and of the one that the service's own migration made:
-- its four further indexes, its triggers and its clean-up function are tolerated.

DO $$
DECLARE
    wrong text;
BEGIN
    IF to_regclass('whatsapp_keys') IS NULL THEN
        RAISE EXCEPTION 'table whatsapp_keys does not exist';
    END IF;

    SELECT string_agg(format('%s must be %s%s, is %s%s', needed.name, needed.type,
                             CASE WHEN needed.filled THEN ' NOT NULL' ELSE '' END,
                             coalesce(format_type(a.atttypid, NULL), 'missing'),
                             CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), '; ')
      INTO wrong
      FROM (VALUES ('company_id', 'text', ARRAY['text', 'character varying'], true),
                   ('key_type', 'text', ARRAY['text', 'character varying'], true),
                   ('key_id', 'text', ARRAY['text', 'character varying'], true),
                   ('value', 'jsonb', ARRAY['jsonb'], true),
                   ('created_at', 'timestamptz',
                    ARRAY['timestamp with time zone', 'timestamp without time zone'], false),
                   ('updated_at', 'timestamptz',
                    ARRAY['timestamp with time zone', 'timestamp without time zone'], false),
                   ('expires_at', 'timestamptz', ARRAY['timestamp with time zone'], false)
           ) AS needed (name, type, accepted, filled)
      LEFT JOIN pg_attribute a
        ON a.attrelid = to_regclass('whatsapp_keys') AND a.attname = needed.name
       AND NOT a.attisdropped
     WHERE a.attname IS NULL OR format_type(a.atttypid, NULL) <> ALL (needed.accepted)
        OR (needed.filled AND NOT a.attnotnull);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_keys: %', wrong;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_index i
         WHERE i.indrelid = to_regclass('whatsapp_keys') AND i.indisunique AND i.indisvalid
           AND i.indpred IS NULL
           AND ARRAY['company_id', 'key_id', 'key_type'] = (
               SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C")
                 FROM pg_attribute a
                WHERE a.attrelid = i.indrelid
                  AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
    ) THEN
        RAISE EXCEPTION 'whatsapp_keys: (company_id, key_type, key_id) must be the primary key, or a key could be there twice';
    END IF;

    SELECT string_agg(attname, ', ') INTO wrong
      FROM pg_attribute
     WHERE attrelid = to_regclass('whatsapp_keys') AND attnum > 0 AND NOT attisdropped
       AND attnotnull AND NOT atthasdef AND attidentity = ''
       AND attname NOT IN ('company_id', 'key_type', 'key_id', 'value');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_keys: further columns without a default would refuse an import: %', wrong;
    END IF;

    -- A policy that lets everything through hides nothing, and the service's own migration makes one.
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('whatsapp_keys'))
       AND (SELECT count(*) FILTER (WHERE polpermissive AND pg_get_expr(polqual, polrelid) = 'true') = 0
                OR count(*) FILTER (WHERE NOT polpermissive AND pg_get_expr(polqual, polrelid) <> 'true') > 0
              FROM pg_policy WHERE polrelid = to_regclass('whatsapp_keys') AND polcmd IN ('r', '*')) THEN
        RAISE EXCEPTION 'whatsapp_keys: row level security is on and could hide rows from the service: CREATE POLICY every_row ON whatsapp_keys USING (true) WITH CHECK (true), or ALTER TABLE whatsapp_keys DISABLE ROW LEVEL SECURITY';
    END IF;

    -- Names of files are up to 255 bytes long, and a key's id is most of one.
    SELECT string_agg(format('ALTER TABLE whatsapp_keys ALTER %I TYPE text', attname), '; ') INTO wrong
      FROM pg_attribute JOIN (VALUES ('company_id', 64), ('key_type', 64), ('key_id', 255)) AS needed (name, characters) ON attname = name
     WHERE attrelid = to_regclass('whatsapp_keys') AND NOT attisdropped
       AND atttypmod - 4 BETWEEN 0 AND characters - 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_keys: a length limit would refuse an import: %', wrong;
    END IF;

    -- An entry of a B-tree is at most 2,704 bytes long; a session is longer.
    SELECT string_agg(format('DROP INDEX CONCURRENTLY %s', indexrelid::regclass), '; ') INTO wrong
      FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am am ON am.oid = c.relam
     WHERE indrelid = to_regclass('whatsapp_keys') AND amname = 'btree'
       AND EXISTS (SELECT FROM pg_depend JOIN pg_attribute
                       ON attrelid = refobjid AND attnum = refobjsubid
                    WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                      AND refobjid = indrelid AND attname = 'value');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_keys: an index holds value and would refuse an import: %', wrong;
    END IF;

    -- A default on expires_at would let the service's clean-up delete imported keys.
    IF EXISTS (
        SELECT FROM pg_attribute
         WHERE attrelid = to_regclass('whatsapp_keys') AND attname = 'expires_at' AND atthasdef
    ) THEN
        RAISE EXCEPTION 'whatsapp_keys: expires_at must have no default, or keys would expire by themselves';
    END IF;
END
$$;
