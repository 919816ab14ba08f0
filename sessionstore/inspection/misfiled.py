"""Rows that an importer filed under a name that the service never asks for.

An importer that splits file names at the first dash stores ``pre-key-1.json`` as ('pre',
'key-1'); one that leaves ids as they stand in the name stores a sender key with ``--`` for
``::``. Each "verifies" by comparing counts, and passes with most keys unreachable. Putting the
name together again and decoding it by the grammar gives the key back (docs/facts.md section 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sessionstore.keys.names import KEY_TYPES, Key, decode, encode
from sessionstore.tables.layout import FILE_NAME, Tables

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection

FIRST_DASH = "split at the first dash"
OTHER_DASH = "split at another dash"
FILE_FORM = "the id as it stands in the file name"
NO_FILE_FORM = "not as the file was named"

#: Nothing renames them: a service that ran on them made keys anew, and the importer's are older.
WAY_ON = (
    "The service cannot reach them and nothing repairs them: where no service has run on them, import "
    "the company anew from its files or their archive, else pair it anew"
)

# Everything that could be misfiled, and little else: the grammar judges what comes back. It spares
# reading every row of a large table. Only `/` and `:` are written differently in a file name.
_SUSPECTS = """
SELECT company_id, spelled FROM {keys}
 WHERE (%(all)s OR company_id = ANY(%(companies)s))
   AND (NOT key_type = ANY(%(types)s)
        OR key_id LIKE '%%.json'
        OR CASE WHEN %(as_files)s THEN key_id ~ '[/:]'
                WHEN key_type = 'sender-key' THEN position('::' IN key_id) = 0
                WHEN key_type = 'app-state-sync-key' THEN position('__' IN key_id) > 0
                ELSE key_type IN ('sender-key-memory', 'tctoken') AND key_id ~ '-[0-9]{{1,3}}@' END)
 ORDER BY company_id, spelled
"""


class MisfiledRow(NamedTuple):
    row: Key  # type and id as they stand in the row
    right: Key  # what they should be
    cause: str  # FIRST_DASH, OTHER_DASH, FILE_FORM or NO_FILE_FORM


@dataclass(frozen=True)
class CompanyRows:
    company_id: str  # as it stands in the rows
    misfiled: tuple[MisfiledRow, ...]  # rows that should be named otherwise
    #: rows whose type the grammar does not have; a fork of Baileys may have written them, so they
    #: are named and left alone
    unknown: tuple[Key, ...]

    def sentence(self) -> str | None:
        """What is misfiled, with counts and what mends it; None where nothing is."""
        if not self.misfiled:
            return None
        types = Counter(one.right.key_type for one in self.misfiled).most_common()
        counts = ", ".join(f"{number} {key_type}" for key_type, number in types)
        causes = " or ".join(self.by_cause)
        return (
            f"company {self.company_id}: {len(self.misfiled)} keys are in the database under names "
            f"that Baileys never asks for ({causes}): {counts}. {WAY_ON}; "
            "baileys-hostswitch store misfiled shows each"
        )

    @property
    def by_cause(self) -> dict[str, int]:
        return dict(Counter(one.cause for one in self.misfiled))


def right_name(row: Key) -> Key | None:
    """What a row's type and id should be: the same where they are right; None where no grammar has them."""
    found = decode(encode(row))
    if found is None and row.key_id.endswith(".json"):
        found = decode(encode(Key(row.key_type, row.key_id[: -len(".json")])))
    return found


def judge(row: Key) -> MisfiledRow | None:
    """What a row should be named and how it came about; None where it is right or unknown."""
    right = right_name(row)
    if right is None or right == row:
        return None
    if row.key_type == right.key_type:
        return MisfiledRow(row, right, FILE_FORM)
    first = encode(right).partition("-")[0]
    return MisfiledRow(row, right, FIRST_DASH if row.key_type == first else OTHER_DASH)


def _judge_name(row: Key) -> MisfiledRow | None:
    """The same of a row that should be named as the file was; one that is so has a type."""
    name = row.key_id.removesuffix(".json").replace("/", "__").replace(":", "-")
    right = None if row.key_type else decode(f"{name}.json")
    return MisfiledRow(row, right, NO_FILE_FORM) if right else None


def judge_of(tables: Tables) -> Callable[[Key], MisfiledRow | None]:
    """What judges a row of a layout, by the key that its columns name."""
    return _judge_name if tables.keys.spelling == FILE_NAME else judge


def find(conn: Connection, company_ids: Collection[str] | None = None) -> list[CompanyRows]:
    """Find misnamed rows, by bare ids or of all; reads rows of keys alone, so before any migration too."""
    # Late, because preflight imports this without libpq.
    from sessionstore.database.connection import explained
    from sessionstore.tables.statements import statement

    tables = conn.tables
    given = {
        "all": company_ids is None,
        "companies": [name for one in company_ids or () for name in tables.spellings(one)],
        "types": list(KEY_TYPES),
        "as_files": tables.keys.spelling == FILE_NAME,
    }
    with explained("looking for misfiled rows", tables.keys.table):
        rows = conn.execute(statement(tables, _SUSPECTS), given).fetchall()
    suspects: dict[str, list[Key]] = {}
    for company_id, spelled in rows:
        suspects.setdefault(company_id, []).append(tables.key_of(*spelled.split("\x1f")))
    judged = judge_of(tables)
    found = [
        CompanyRows(
            company_id,
            tuple(one for one in map(judged, keys) if one is not None),
            tuple(key for key in keys if judged(key) is None and right_name(key) is None),
        )
        for company_id, keys in suspects.items()
    ]
    return [one for one in found if one.misfiled or one.unknown]


def without_rows(conn: Connection, company_ids: Collection[str]) -> list[str]:
    """Companies without a key in the database, in either spelling: nothing can be said of them."""
    from sessionstore.database.connection import explained
    from sessionstore.tables.statements import statement

    tables = conn.tables
    ask = "SELECT EXISTS (SELECT FROM {keys} WHERE company_id = ANY(%s))"
    with explained("looking for a company", tables.keys.table):
        return [
            one
            for one in company_ids
            if conn.execute(statement(tables, ask), [list(tables.spellings(one))]).fetchone()
            != (True,)
        ]
