"""Migrations for a service whose tables are its own: they are looked at and adopted, never made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sessionstore.migrations.plan import KINDS, Migration, arrange
from sessionstore.tables.layout import CredentialsTable, KeyTable, Tables
from sessionstore.tables.statements import quoted

#: Those that make the tables of :class:`Tables` as it is by default, without their numbers.
MADE_HERE = ("whatsapp_auth", "whatsapp_keys", "whatsapp_keys_company")
_NAME = "service_tables"
_LONGEST_COMPANY, _LONGEST_KEY = 64, 255
_TEXTS = ("text", "character varying")
_TIMES = ("timestamp with time zone", "timestamp without time zone")
# Whatever the layout, so that a better description of the same tables is no edited migration.
_DEPLOY = """
DO $$ BEGIN
    RAISE EXCEPTION 'the service''s tables are its own: make them by its own migrations, or mend their description';
END $$
"""
_REVERT = """
DO $$ BEGIN
    RAISE EXCEPTION 'the service''s tables are its own';
END $$
"""
_VERIFY = """
DO $verify$
DECLARE
    its   record;
    wrong text;
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'the database is in %, which can not hold every name and key. Make another: CREATE DATABASE NAME ENCODING ''UTF8'' TEMPLATE template0; then pg_dump into it', getdatabaseencoding();
    END IF;

    FOR its IN SELECT * FROM (VALUES TABLES) AS its (relation, cols, written, value, expires) LOOP
        IF to_regclass(its.relation) IS NULL THEN
            RAISE EXCEPTION 'table % does not exist', its.relation;
        END IF;

        SELECT string_agg(format('%I must be %s%s, is %s%s', needed.name,
                                 array_to_string(needed.accepted, ' or '),
                                 CASE WHEN needed.filled THEN ' NOT NULL' ELSE '' END,
                                 coalesce(format_type(a.atttypid, NULL), 'missing'),
                                 CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), '; ')
          INTO wrong
          FROM (VALUES COLUMNS) AS needed (relation, name, accepted, filled, characters)
          LEFT JOIN pg_attribute a
            ON a.attrelid = to_regclass(its.relation) AND a.attname = needed.name AND NOT a.attisdropped
         WHERE needed.relation = its.relation
           AND (a.attname IS NULL OR format_type(a.atttypid, NULL) <> ALL (needed.accepted)
                OR (needed.filled AND NOT a.attnotnull));
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION '%: %', its.relation, wrong;
        END IF;

        IF its.cols <> '{}' AND NOT EXISTS (
            SELECT FROM pg_index i
             WHERE i.indrelid = to_regclass(its.relation) AND i.indisunique AND i.indisvalid
               AND i.indpred IS NULL
               AND its.cols = (
                   SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C")
                     FROM pg_attribute a
                    WHERE a.attrelid = i.indrelid
                      AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
        ) THEN
            RAISE EXCEPTION '%: (%) must be unique, or a key could be there twice', its.relation, array_to_string(its.cols, ', ');
        END IF;

        SELECT string_agg(attname, ', ') INTO wrong
          FROM pg_attribute
         WHERE attrelid = to_regclass(its.relation) AND attnum > 0 AND NOT attisdropped
           AND attnotnull AND NOT atthasdef AND attidentity = '' AND attname <> ALL (its.written);
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION '%: further columns without a default would refuse an import: %', its.relation, wrong;
        END IF;

        -- A policy that lets everything through hides nothing.
        IF (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(its.relation))
           AND (SELECT count(*) FILTER (WHERE polpermissive AND pg_get_expr(polqual, polrelid) = 'true') = 0
                    OR count(*) FILTER (WHERE NOT polpermissive AND pg_get_expr(polqual, polrelid) <> 'true') > 0
                  FROM pg_policy WHERE polrelid = to_regclass(its.relation) AND polcmd IN ('r', '*')) THEN
            RAISE EXCEPTION '%: row level security is on and could hide rows from the service: CREATE POLICY every_row ON % USING (true) WITH CHECK (true), or ALTER TABLE % DISABLE ROW LEVEL SECURITY', its.relation, its.relation, its.relation;
        END IF;

        -- Names of files are up to 255 bytes long, and a key's id is most of one.
        SELECT string_agg(format('ALTER TABLE %s ALTER %I TYPE text', its.relation, attname), '; ') INTO wrong
          FROM pg_attribute
          JOIN (VALUES COLUMNS) AS needed (relation, name, accepted, filled, characters) ON attname = needed.name
         WHERE attrelid = to_regclass(its.relation) AND needed.relation = its.relation AND NOT attisdropped
           AND atttypmod - 4 BETWEEN 0 AND characters - 1;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION '%: a length limit would refuse an import: %', its.relation, wrong;
        END IF;

        -- An entry of a B-tree is at most 2,704 bytes long; a session is longer, and credentials are.
        SELECT string_agg(format('DROP INDEX CONCURRENTLY %s', indexrelid::regclass), '; ') INTO wrong
          FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am am ON am.oid = c.relam
         WHERE indrelid = to_regclass(its.relation) AND amname = 'btree'
           AND EXISTS (SELECT FROM pg_depend JOIN pg_attribute
                           ON attrelid = refobjid AND attnum = refobjsubid
                        WHERE classid = 'pg_class'::regclass AND objid = indexrelid
                          AND refobjid = indrelid AND attname = its.value);
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION '%: an index holds % and would refuse an import: %', its.relation, its.value, wrong;
        END IF;

        IF EXISTS (
            SELECT FROM pg_attribute
             WHERE attrelid = to_regclass(its.relation) AND attname = its.expires AND atthasdef
        ) THEN
            RAISE EXCEPTION '%: % must have no default, or keys would expire by themselves', its.relation, its.expires;
        END IF;
    END LOOP;
END
$verify$
"""


def fitted(migrations: tuple[Migration, ...], tables: Tables) -> tuple[Migration, ...]:
    """The migrations for a database with these tables of the service."""
    known = Tables()
    others = [one for one in migrations if one.name[5:] not in MADE_HERE]
    as_made_here = (tables.schema, tables.keys, tables.credentials) == (
        known.schema,
        known.keys,
        known.credentials,
    )
    if as_made_here or len(others) == len(migrations):
        return migrations
    scripts = {
        kind: {
            f"{number:04}_{one.name[5:]}": getattr(one, kind)
            for number, one in enumerate(others, start=2)
        }
        for kind in KINDS
    }
    for kind, script in zip(KINDS, (_DEPLOY, verify(tables), _REVERT), strict=True):
        scripts[kind][f"0001_{_NAME}"] = script
    return arrange(scripts, "the migrations")


def verify(tables: Tables) -> str:
    """SQL that raises an error unless the service's tables are there, fit for every key."""
    keys, credentials = tables.keys, tables.credentials
    parts: tuple[KeyTable | CredentialsTable, ...] = (
        (keys,) if tables.one_table else (credentials, keys)
    )
    rows, columns = [], []
    for part in parts:
        key = part.key if isinstance(part, KeyTable) else [column for column, _ in part.row]
        named = [one for one in (part.company, *key) if one is not None]
        expires = part.expires_at if isinstance(part, KeyTable) else None
        place = _literal(quoted(tables.schema, part.table))
        value = _literal(part.value)
        given = (place, _array(sorted(named)), _array([*named, part.value]), value)
        rows.append(f"({', '.join(given)}, {_literal(expires or '')})")
        for column in named:
            longest = _LONGEST_COMPANY if column == part.company else _LONGEST_KEY
            columns.append(_column(place, column, _TEXTS, longest))
        columns.append(_column(place, part.value, (part.type,)))
        for time in filter(None, (part.updated_at, expires)):
            columns.append(_column(place, time, _TIMES, filled=False))
    listed = ", ".join(columns)
    return _VERIFY.replace("VALUES TABLES", f"VALUES {', '.join(rows)}").replace(
        "VALUES COLUMNS", f"VALUES {listed}"
    )


def _column(
    place: str, name: str, accepted: Sequence[str], characters: int = 0, *, filled: bool = True
) -> str:
    given = (place, _literal(name), _array(accepted), "true" if filled else "false")
    return f"({', '.join(given)}, {characters})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _array(texts: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(_literal, texts))}]::text[]"
