-- How large each company was, day by day: unusual growth is told from a company's own history.
-- Figures only; nothing rests on them, and the daily check drops what is older than a year.

CREATE TABLE whatsapp_stats (
    company_id text   NOT NULL,
    taken_on   date   NOT NULL,
    key_type   text   NOT NULL,
    row_count  bigint NOT NULL CHECK (row_count >= 0),
    byte_count bigint NOT NULL CHECK (byte_count >= 0),
    PRIMARY KEY (company_id, taken_on, key_type)
);
