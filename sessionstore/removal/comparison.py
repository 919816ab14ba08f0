"""One company's files against its rows: what differs is read, and judged by all that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial

from sessionstore.database.companies import StoredValue, read_rows, read_value
from sessionstore.database.connection import Connection, clock
from sessionstore.database.imports import ImportRecord, imported_files
from sessionstore.disk.opening import closing
from sessionstore.errors import BadFile
from sessionstore.judgement.contacts import BegunSince
from sessionstore.judgement.directory import LIVE
from sessionstore.judgement.facts import Company, File, PreKeys, Row
from sessionstore.judgement.file import ARCHIVED, EQUAL, UNEXPLAINED, Disposition, judge
from sessionstore.judgement.lineage import Verdict
from sessionstore.judgement.sessions import base_keys
from sessionstore.keys.canonical import stored_value_has
from sessionstore.keys.credentials import Credentials, paired_at
from sessionstore.keys.names import Key, decode, encode
from sessionstore.keys.values import Value, parse, unrevived
from sessionstore.scan.result import CompanyScan, DirectoryScan
from sessionstore.scan.session_file import Reading, read_session_file
from sessionstore.scan.table import ARTEFACT, CREDS, ONLY_COPY, FileEntry


def without_row(
    entry: FileEntry, path: str, kind: str, reason: str = "it lies outside any company's directory"
) -> Disposition:
    """Judge a file that no row of the database can stand for."""
    if entry.kind == ARTEFACT:
        return Disposition(path, ARCHIVED, "an artefact: Baileys never reads it")
    if kind != LIVE:
        return Disposition(path, ARCHIVED, "not in the database")
    if entry.kind == ONLY_COPY:
        return Disposition(path, UNEXPLAINED, "a copy of a key whose own file is missing or torn")
    if entry.key is None and entry.kind != CREDS:
        return Disposition(path, UNEXPLAINED, "the name is no key that Baileys writes")
    return Disposition(path, UNEXPLAINED, reason)


@dataclass
class Comparison:
    """One company's files against its rows; keeps values only where they differ."""

    conn: Connection
    company_id: str
    scan: DirectoryScan
    company: CompanyScan
    kind: str
    record: ImportRecord | None
    _fd: int = -1
    _equal: bytearray = field(default_factory=bytearray)
    _different: dict[Key, StoredValue] = field(default_factory=dict)
    _lids: dict[str, str] = field(default_factory=dict)
    _since: BegunSince = field(default_factory=BegunSince)

    def _read_database(self) -> None:
        """Read every row once, and keep what does not equal its file."""
        table = self.company.files
        self._equal = bytearray(len(table))
        places = {name: place for place, name in enumerate(table.names())}
        for key, row in read_rows(self.conn, self.company_id):
            if key.key_type == "lid-mapping" and not key.key_id.endswith("_reverse"):
                lid = self._read(row.text)
                if isinstance(lid, str):
                    self._lids[key.key_id] = lid
            name = encode(key)
            place = places.get(name)
            # Several rows may encode to one name.
            if place is not None and decode(name) == key:
                _, mine = table.digests(place)
                if stored_value_has(row.text, mine, self._revived):
                    self._equal[place] = True
                    continue
                self._different[key] = row
            if self.kind == LIVE:
                self._since.note(key, partial(self._read, row.text))

    def _context(
        self, verdict: Verdict, database: Credentials | None, creds: StoredValue
    ) -> Company:
        mine = self.company.credentials
        return Company(
            verdict,
            mine.clocks if mine else None,
            database.clocks if database else None,
            self.record.created_at.timestamp() if self.record else None,
            clock(self.conn),
            paired_at(self._read(creds.text)),
            self._lids.get,
            self._value_of,
            self._file_of,
            # Once for all that ask: it reads every session.
            cache(lambda: self._pre_keys(mine, database)),
        )

    def _value_of(self, key: Key) -> Value | None:
        text = read_value(self.conn, self.company_id, key)
        return None if text is None else self._read(text)

    def _file(self, name: str) -> Reading:
        return read_session_file(self._fd, name, as_text=self.scan.layout.as_text)

    def _file_of(self, key: Key) -> Value | None:
        try:
            return self._file(encode(key)).value
        except BadFile:
            return None

    def _pre_keys(self, mine: Credentials | None, database: Credentials | None) -> PreKeys:
        """Count what is gone, of the files' and of those made since, and who can have used it up."""
        assert mine is not None and database is not None
        made = range(mine.clocks.next_pre_key, database.clocks.first_unuploaded_pre_key)
        there = sum(int(number) in made for number in self._since.pre_keys if number.isdecimal())
        gone, known = len(made) - there, set[str]()
        for place, equal in enumerate(self._equal):
            key = self.company.files[place].key
            if key is None:
                continue
            if key.key_type == "pre-key" and int(key.key_id) < made.start:
                gone += not equal and key not in self._different
            elif key.key_type == "session":
                known |= base_keys(self._file_of(key))
        return PreKeys(gone, self._since.sessions(known, self._lids.get))

    def judge(
        self, verdict: Verdict, database: Credentials | None, creds: StoredValue
    ) -> list[Disposition]:
        self._read_database()
        context, found = self._context(verdict, database, creds), []
        left = [self.company.files[place] for place, equal in enumerate(self._equal) if not equal]
        recorded = self._recorded([entry.name for entry in left])
        with closing(self.scan.open_company(self.company)) as self._fd:
            for entry in left:
                imported = None if recorded is None else recorded.get(entry.name) == entry.sha256
                one = self._judge_file(entry, context, creds, imported)
                if one.outcome == UNEXPLAINED and self.kind != LIVE:
                    one = Disposition(one.file, ARCHIVED, one.reason)
                if one.outcome != EQUAL:
                    found.append(one)
        return found

    def _recorded(self, names: list[str]) -> dict[str, str] | None:
        """What was imported; None without a record. A backup's file was never meant to be."""
        if self.kind != LIVE or self.record is None:
            return None
        return imported_files(self.conn, self.record.import_id, names)

    def _judge_file(
        self, entry: FileEntry, context: Company, creds: StoredValue, imported: bool | None
    ) -> Disposition:
        path = self.company.path_of(entry)
        if entry.key is None and entry.kind != CREDS:
            return without_row(entry, path, self.kind)
        there = self._different.get(entry.key) if entry.key else creds
        try:
            reading = self._file(entry.name)
            row = Row(parse(there.text, self._revived), there.updated_at) if there else None
        except BadFile as trouble:
            return Disposition(path, UNEXPLAINED, f"can't be compared: {trouble}")
        if reading.sha256 != entry.sha256:
            return Disposition(path, UNEXPLAINED, "the file changed since it was scanned")
        if there and stored_value_has(there.text, reading.value_sha256, self._revived):
            # Only credentials: of a key that was seen with its row.
            return Disposition(path, EQUAL, "")
        key = entry.key or Key(CREDS, "")
        file = File(path, key, reading.value, entry.mtime_ns / 1e9, imported)
        return judge(
            file, row, context, revived=not there or not unrevived(there.text, self._revived)
        )

    @property
    def _revived(self) -> frozenset[str]:
        return self.conn.tables.revived

    def _read(self, text: bytes) -> Value | None:
        """What the service reads; None for what can't be read exactly."""
        try:
            return parse(text, self._revived)
        except BadFile:
            return None
