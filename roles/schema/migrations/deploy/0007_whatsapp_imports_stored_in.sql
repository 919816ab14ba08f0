-- Where an import's rows went: cluster, timeline, database and tables by number, as no copy of
-- them has them all. What is proven of rows anywhere else says nothing of these. Records from before
-- this have none.

ALTER TABLE whatsapp_imports ADD COLUMN stored_in text;
