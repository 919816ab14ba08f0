DO $$
DECLARE
    wrong text;
BEGIN
    IF to_regclass('whatsapp_imports') IS NULL OR to_regclass('whatsapp_import_files') IS NULL THEN
        RAISE EXCEPTION 'tables whatsapp_imports and whatsapp_import_files do not both exist';
    END IF;

    SELECT string_agg(format('%s.%s must be %s, is %s', needed.relation, needed.name, needed.type,
                             coalesce(format_type(a.atttypid, NULL), 'missing')), '; ')
      INTO wrong
      FROM (VALUES ('whatsapp_imports', 'import_id', 'uuid'),
                   ('whatsapp_imports', 'company_id', 'text'),
                   ('whatsapp_imports', 'state', 'text'),
                   ('whatsapp_imports', 'rollout_id', 'text'),
                   ('whatsapp_imports', 'host', 'text'),
                   ('whatsapp_imports', 'source', 'text'),
                   ('whatsapp_imports', 'creds_sha256', 'text'),
                   ('whatsapp_imports', 'key_count', 'bigint'),
                   ('whatsapp_imports', 'created_at', 'timestamp with time zone'),
                   ('whatsapp_imports', 'activated_at', 'timestamp with time zone'),
                   ('whatsapp_imports', 'withdrawn_at', 'timestamp with time zone'),
                   ('whatsapp_import_files', 'import_id', 'uuid'),
                   ('whatsapp_import_files', 'file_name', 'text'),
                   ('whatsapp_import_files', 'key_type', 'text'),
                   ('whatsapp_import_files', 'key_id', 'text'),
                   ('whatsapp_import_files', 'file_sha256', 'text'),
                   ('whatsapp_import_files', 'value_sha256', 'text')
           ) AS needed (relation, name, type)
      LEFT JOIN pg_attribute a
        ON a.attrelid = to_regclass(needed.relation) AND a.attname = needed.name
       AND NOT a.attisdropped
     WHERE a.attname IS NULL OR format_type(a.atttypid, NULL) <> needed.type;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'import records: %', wrong;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_index
         WHERE indexrelid = to_regclass('whatsapp_imports_one_a_company')
           AND indrelid = to_regclass('whatsapp_imports') AND indisunique AND indisvalid
    ) THEN
        RAISE EXCEPTION 'import records: index whatsapp_imports_one_a_company is missing, so a company could be imported twice';
    END IF;
END
$$;
