"""Statements about a service's rows, whatever its layout. They are made here, and run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from psycopg import sql

from sessionstore.keys.names import HOLE
from sessionstore.tables.layout import (
    APART,
    FILE_NAME,
    TYPES_BY_LENGTH,
    CredentialsTable,
    KeyTable,
    Tables,
)

if TYPE_CHECKING:
    from typing_extensions import LiteralString


def statement(tables: Tables, text: LiteralString, **more: sql.Composable) -> sql.Composed:
    """Complete a statement with the names of a layout.

    ``{keys}`` and ``{credentials}`` are relations of one form: company_id (as it stands), key_type,
    key_id, file_name, spelled, value, text, updated_at, expires_at; and company_id, creds, updated_at,
    marks (the row's other columns). Type and id of a key in one column are told by the longest type that
    it begins with: only ``Tables.key_of`` is exact, from ``spelled``. For single rows and for changing
    them there are ``{keys_table}``, ``{keys_columns}``, ``{keys_value}``, ``{keys_of}``, which are a
    company's as it is spelled, ``%s``, and ``{key_is}``, which is the one of ``Tables.row_of``; and the
    same of credentials.
    """
    return sql.SQL(text).format(**_fragments(tables), **more)


@lru_cache
def _fragments(tables: Tables) -> Mapping[str, sql.Composable]:
    keys, credentials = tables.keys, tables.credentials
    theirs = _all_of([_equal(column, text) for column, text in credentials.row])
    not_theirs = sql.SQL("NOT ({})").format(theirs) if tables.one_table else sql.SQL("true")
    places = {
        "keys_table": sql.Identifier(tables.schema, keys.table),
        "credentials_table": sql.Identifier(tables.schema, credentials.table),
    }
    whose_key, whose_credentials = _whose(tables, keys), _whose(tables, credentials)
    fixed = [sql.Literal(text) for _, text in credentials.row]
    company = [sql.SQL("given.company")] if credentials.company else []
    return {
        **places,
        "keys": _keys(tables, whose_key, not_theirs, places["keys_table"]),
        "keys_columns": _names(keys.company, *keys.key, keys.value),
        "keys_value": sql.Identifier(keys.value),
        "keys_of": sql.SQL("{} = %s AND {}").format(whose_key, not_theirs),
        "key_is": _all_of([sql.SQL("{} = %s").format(sql.Identifier(one)) for one in keys.key]),
        "credentials": sql.SQL(
            "(SELECT {} AS company_id, {} AS creds, {} AS updated_at, to_jsonb(its) - {} AS marks"
            " FROM {} AS its WHERE {}) AS credentials"
        ).format(
            whose_credentials,
            sql.Identifier(credentials.value),
            _time(credentials.updated_at),
            credentials.value,
            places["credentials_table"],
            theirs,
        ),
        "credentials_columns": _names(
            credentials.company, *(column for column, _ in credentials.row), credentials.value
        ),
        "credentials_given": _listed(
            [*company, *fixed, sql.SQL("given.value::{}").format(_type(credentials.type))]
        ),
        "credentials_of": sql.SQL("{} = %s AND {}").format(whose_credentials, theirs),
    }


def quoted(*names: str) -> str:
    """A name, with its schema before it, as the server reads it."""
    return ".".join(f'"{name.replace(chr(34), 2 * chr(34))}"' for name in names)


def spelled(tables: Tables, bare: sql.Composable) -> sql.Composable:
    """How rows spell a company, in SQL, from the SQL of its bare id."""
    before, _, after = tables.company.partition(HOLE)
    return sql.SQL("concat({}::text, {}, {}::text)").format(before, bare, after)


def _keys(
    tables: Tables, whose: sql.Composable, which: sql.Composable, table: sql.Composable
) -> sql.Composable:
    keys = tables.keys
    columns = [sql.Identifier(column) for column in keys.key]
    joined = sql.SQL(" || '-' || ").join(columns)
    file_name = (
        sql.SQL("{} || '.json'").format(joined)
        if keys.spelling == FILE_NAME
        else sql.SQL("replace(replace({} || '.json', '/', '__'), ':', '-')").format(joined)
    )
    key_type, key_id = _type_and_id(keys, columns)
    value = sql.Identifier(keys.value)
    return sql.SQL(
        "(SELECT {} AS company_id, {} AS key_type, {} AS key_id, {} AS file_name, {} AS spelled,"
        " {} AS value, {} AS text, {} AS updated_at, {} AS expires_at FROM {} WHERE {}) AS keys"
    ).format(
        whose,
        key_type,
        key_id,
        file_name,
        sql.SQL(r" || E'\x1f' || ").join(map(_plain, columns)),
        value,
        # JSON holds neither separator.
        _plain(value) if keys.type == "text" else sql.SQL("{}::text").format(value),
        _time(keys.updated_at),
        _time(keys.expires_at),
        table,
        which,
    )


def _plain(text: sql.Composable) -> sql.Composable:
    """One that holds a separator is made visibly wrong, not silently right."""
    return sql.SQL(r"translate({}, E'\x1e\x1f', '??')").format(text)


def _type_and_id(
    keys: KeyTable, columns: list[sql.Identifier]
) -> tuple[sql.Composable, sql.Composable]:
    if keys.spelling == APART:
        return columns[0], columns[1]
    begins = f"^({'|'.join(TYPES_BY_LENGTH)})-"
    found = sql.SQL("substring({} from {})").format(columns[0], begins)
    return (
        sql.SQL("coalesce({}, '')").format(found),
        sql.SQL("coalesce(substr({0}, length({1}) + 2), {0})").format(columns[0], found),
    )


def _whose(tables: Tables, table: KeyTable | CredentialsTable) -> sql.Composable:
    if table.company is not None:
        return sql.Identifier(table.company)
    return sql.SQL("{}::text").format(tables.spelled(tables.only or ""))


def _type(name: str) -> sql.Composable:
    return sql.Identifier("pg_catalog", name)


def _time(column: str | None) -> sql.Composable:
    return sql.SQL("NULL::timestamptz") if column is None else sql.Identifier(column)


def _equal(column: str, text: str) -> sql.Composable:
    return sql.SQL("{} = {}").format(sql.Identifier(column), text)


def _all_of(conditions: list[sql.Composable]) -> sql.Composable:
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _names(*columns: str | None) -> sql.Composable:
    return _listed([sql.Identifier(column) for column in columns if column is not None])


def _listed(parts: list[sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(parts)
