ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_company;
