"""Where a service keeps its sessions in the database, and how it spells companies, keys and values.

A connection carries it, and every statement about the service's rows is made from it. What is not the
service's (the record of imports, figures, migrations) is called the same everywhere. Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sessionstore.keys.names import HOLE, KEY_TYPES, Key, decode, encode
from sessionstore.keys.values import BASE64, parse

#: How a row names its key: in two columns; as ``type-id``; as the file was named, without ``.json``.
APART, JOINED, FILE_NAME = "apart", "joined", "file-name"
#: A longer one first: "sender-key-memory-…" is none of "sender-key-".
TYPES_BY_LENGTH = tuple(sorted(KEY_TYPES, key=len, reverse=True))


@dataclass(frozen=True)
class KeyTable:
    """The table with a row for each key."""

    table: str
    company: str | None  # column; None where all of it is one company's
    key: tuple[str, ...]  # columns: type and id; or the one that has both
    value: str
    type: str = "jsonb"  # of the value: jsonb, json or text
    spelling: str = APART
    updated_at: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True)
class CredentialsTable:
    """The table with the credentials, which may be that of the keys."""

    table: str
    company: str | None
    value: str
    type: str = "jsonb"
    row: tuple[tuple[str, str], ...] = ()  # columns and texts that tell their row from a key's
    updated_at: str | None = None


@dataclass(frozen=True)
class Tables:
    """The layout of one service's tables; by default that of the lab's own."""

    schema: str = "public"
    keys: KeyTable = KeyTable(
        "whatsapp_keys",
        "company_id",
        ("key_type", "key_id"),
        "value",
        updated_at="updated_at",
        expires_at="expires_at",
    )
    credentials: CredentialsTable = CredentialsTable(
        "whatsapp_auth", "company_id", "creds", updated_at="updated_at"
    )
    company: str = HOLE  # how rows spell an id
    only: str | None = None  # whose the rows are, where no column says it
    buffers: tuple[str, ...] = (BASE64,)  # what the service's reader revives; the first is written

    @property
    def one_table(self) -> bool:
        """Whether the credentials are a row among the keys."""
        return self.keys.table == self.credentials.table

    @property
    def names(self) -> tuple[str, ...]:
        """The tables, without their schema."""
        return tuple(dict.fromkeys((self.credentials.table, self.keys.table)))

    @property
    def as_text(self) -> bool:
        """Whether values are kept as text, which takes what ``jsonb`` refuses."""
        return self.keys.type == self.credentials.type == "text"

    @property
    def revived(self) -> frozenset[str]:
        """The spellings of a Buffer that the service's reader makes one of."""
        return frozenset(self.buffers)

    def spelled(self, company_id: str) -> str:
        """How rows spell a company's bare id."""
        return self.company.replace(HOLE, company_id)

    def bare(self, spelled: str) -> str:
        """The bare id of what stands in a row; the text itself where it is spelled otherwise."""
        before, _, after = self.company.partition(HOLE)
        middle = spelled[len(before) : len(spelled) - len(after)]
        return middle if middle and self.spelled(middle) == spelled else spelled

    def spellings(self, company_id: str) -> tuple[str, ...]:
        """How rows spell it, then how others do: a table may hold both (docs/facts.md section 2)."""
        every = (self.spelled(company_id), company_id, f"company_{company_id}")
        return tuple(dict.fromkeys(every))

    def row_of(self, key: Key) -> tuple[str, ...]:
        """What stands in the columns that name a key."""
        if self.keys.spelling == APART:
            return tuple(key)
        if self.keys.spelling == JOINED:
            return ("-".join(key),)
        return (encode(key)[: -len(".json")],)

    def key_of(self, *row: str) -> Key:
        """The key that a row's columns name; one without a type where nothing tells it."""
        if self.keys.spelling == APART:
            return Key(*row)
        (text,) = row
        if self.keys.spelling == FILE_NAME:
            return decode(f"{text}.json") or Key("", text)
        for key_type in TYPES_BY_LENGTH:
            if text.startswith(f"{key_type}-"):
                return Key(key_type, text[len(key_type) + 1 :])
        return Key("", text)

    def text_of(self, canonical: str) -> str:
        """A value as it is written into a row, from its canonical form; ASCII."""
        if self.buffers[0] == BASE64:
            return canonical
        return _in_numbers(parse(canonical.encode("ascii")))

    def line_of(self, company_id: str, key: Key, canonical: str) -> str:
        """A row as COPY takes it, of a key that the grammar knows."""
        company = () if self.keys.company is None else (self.spelled(company_id),)
        # Only the backslash needs care: the value is ASCII JSON.
        value = self.text_of(canonical).replace("\\", "\\\\")
        return "\t".join((*company, *self.row_of(key), value)) + "\n"


def _numbers(value: object) -> object:
    if isinstance(value, bytes):
        return {"type": "Buffer", "data": list(value)}
    raise TypeError(f"not a value: {type(value).__name__}")


_in_numbers = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_numbers).encode
