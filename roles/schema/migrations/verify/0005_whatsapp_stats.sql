DO $$
DECLARE
    wrong text;
BEGIN
    IF to_regclass('whatsapp_stats') IS NULL THEN
        RAISE EXCEPTION 'table whatsapp_stats does not exist';
    END IF;

    SELECT string_agg(format('%s must be %s, is %s', needed.name, needed.type,
                             coalesce(format_type(a.atttypid, NULL), 'missing')), '; ')
      INTO wrong
      FROM (VALUES ('company_id', 'text'),
                   ('taken_on', 'date'),
                   ('key_type', 'text'),
                   ('row_count', 'bigint'),
                   ('byte_count', 'bigint')
           ) AS needed (name, type)
      LEFT JOIN pg_attribute a
        ON a.attrelid = to_regclass('whatsapp_stats') AND a.attname = needed.name
       AND NOT a.attisdropped
     WHERE a.attname IS NULL OR format_type(a.atttypid, NULL) <> needed.type;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'whatsapp_stats: %', wrong;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_index
         WHERE indrelid = to_regclass('whatsapp_stats') AND indisprimary AND indisvalid
           AND indnkeyatts = 3
    ) THEN
        RAISE EXCEPTION 'whatsapp_stats: (company_id, taken_on, key_type) must be its primary key, or a day could count twice';
    END IF;
END
$$;
