"""The correction of misfiled rows, written as one transaction for an operator to review and run.

It is plain SQL that refuses by itself where the database is not any more what it was written
for. Rows are deleted and inserted again rather than updated: the tables' triggers would stamp an
update with the present time, and that time is evidence of a key's age elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from sessionstore.errors import printable
from sessionstore.inspection.correctable import CompanyTimes

_HEAD = """\
-- Puts misfiled rows of whatsapp_keys under the names that the service asks for.
-- Written {at}. Nothing has been done yet.
--
{companies}
--
-- Read it through. Stop the service: it keeps keys in memory. Then, as the owner of the tables:
--   psql -v ON_ERROR_STOP=1 -f THIS_FILE
-- It is one transaction, and refuses if the rows are not what they were when it was written.
-- The rows as they were stay in {backup}, to be dropped when all is well.

BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL lock_timeout = '10s';
LOCK TABLE whatsapp_auth, whatsapp_keys IN SHARE ROW EXCLUSIVE MODE;

CREATE TEMPORARY TABLE correction (
    company_id text, key_type text, key_id text, right_type text, right_id text
) ON COMMIT DROP;
"""

_BODY = """
CREATE TEMPORARY TABLE expected (company_id text, keys bigint, last_change numeric) ON COMMIT DROP;
INSERT INTO expected VALUES
{expected};

DO $check$
BEGIN
    IF EXISTS (
        SELECT FROM expected AS e
         WHERE e.keys <> (SELECT count(*) FROM whatsapp_keys AS k WHERE k.company_id = e.company_id)
            OR e.last_change <> (SELECT coalesce(extract(epoch FROM max(k.updated_at)), 0)
                                   FROM whatsapp_keys AS k WHERE k.company_id = e.company_id)
    ) THEN
        RAISE EXCEPTION 'refused: rows have changed since this correction was written';
    END IF;
    IF EXISTS (
        SELECT FROM correction AS c
         WHERE EXISTS (SELECT FROM whatsapp_keys AS k
                        WHERE (k.company_id, k.key_type, k.key_id)
                            = (c.company_id, c.right_type, c.right_id))
            OR NOT EXISTS (SELECT FROM whatsapp_keys AS k
                            WHERE (k.company_id, k.key_type, k.key_id)
                                = (c.company_id, c.key_type, c.key_id))
    ) THEN
        RAISE EXCEPTION 'refused: a misfiled row is gone, or the right one is there already';
    END IF;
END
$check$;

CREATE TABLE {backup} AS
SELECT k.*, c.right_type, c.right_id
  FROM whatsapp_keys AS k JOIN correction AS c USING (company_id, key_type, key_id);

DELETE FROM whatsapp_keys AS k USING correction AS c
 WHERE (k.company_id, k.key_type, k.key_id) = (c.company_id, c.key_type, c.key_id);

INSERT INTO whatsapp_keys ({columns}) OVERRIDING SYSTEM VALUE
SELECT {renamed} FROM {backup};

DO $check$
BEGIN
    IF EXISTS (
        SELECT FROM expected AS e
         WHERE e.keys <> (SELECT count(*) FROM whatsapp_keys AS k WHERE k.company_id = e.company_id)
    ) OR (SELECT count(*) FROM correction) <> (
        SELECT count(*)
          FROM {backup} AS b JOIN whatsapp_keys AS k
            ON (k.company_id, k.key_type, k.key_id) = (b.company_id, b.right_type, b.right_id)
         WHERE k.value = b.value AND k.updated_at = b.updated_at
    ) THEN
        RAISE EXCEPTION 'refused: not every row arrived under its right name';
    END IF;
END
$check$;
COMMIT;

-- To undo it, before the service has run on the corrected rows:
-- BEGIN;
-- DELETE FROM whatsapp_keys AS k USING {backup} AS b
--  WHERE (k.company_id, k.key_type, k.key_id) = (b.company_id, b.right_type, b.right_id);
-- INSERT INTO whatsapp_keys ({columns}) OVERRIDING SYSTEM VALUE
-- SELECT {columns} FROM {backup};
-- COMMIT;
"""

_ROWS_A_STATEMENT = 1000


def correction(
    companies: Sequence[CompanyTimes], columns: Sequence[str], backup: str, at: str
) -> str:
    """Write the correction.

    Args:
        companies: those that nothing speaks against.
        columns: of whatsapp_keys, without generated ones.
        backup: name of the table that keeps the rows as they were; it must not exist.
        at: the time, for people.

    Returns:
        SQL; it holds names of keys but no value of any.
    """
    listed = "\n".join(
        f"-- company {printable(one.company_id)}: {len(one.misfiled):,} of {len(one.rows):,} rows"
        for one in companies
    )
    names = ", ".join(_identifier(name) for name in columns)
    right = {"key_type": "right_type", "key_id": "right_id"}
    return "".join(
        (
            _HEAD.format(at=at, companies=listed, backup=_identifier(backup)),
            *_insertions(companies),
            _BODY.format(
                expected=",\n".join(_expected(one) for one in companies),
                backup=_identifier(backup),
                columns=names,
                renamed=", ".join(right.get(name, _identifier(name)) for name in columns),
            ),
        )
    )


def _insertions(companies: Sequence[CompanyTimes]) -> list[str]:
    rows = [
        f"    ({', '.join(map(_literal, (company.company_id, *one.row, *one.right)))})"
        for company in companies
        for one in company.misfiled
    ]
    return [
        "INSERT INTO correction VALUES\n"
        + ",\n".join(rows[start : start + _ROWS_A_STATEMENT])
        + ";\n"
        for start in range(0, len(rows), _ROWS_A_STATEMENT)
    ]


def _expected(company: CompanyTimes) -> str:
    return f"    ({_literal(company.company_id)}, {len(company.rows)}, {company.last_change})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
