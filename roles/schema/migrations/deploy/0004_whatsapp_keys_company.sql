-- Credentials can't be deleted while keys of their company are there. NOT VALID: rows that an
-- adopted table already holds are not scanned under a lock, and not judged.

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint
         WHERE conrelid = 'whatsapp_keys'::regclass AND confrelid = 'whatsapp_auth'::regclass
           AND contype = 'f'
    ) THEN
        ALTER TABLE whatsapp_keys
            ADD CONSTRAINT whatsapp_keys_company FOREIGN KEY (company_id)
            REFERENCES whatsapp_auth (company_id) ON DELETE RESTRICT NOT VALID;
    END IF;
END
$$;
