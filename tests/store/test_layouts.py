"""One company's whole way, in tables and directories as other services have them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from sessionstore.archive import create
from sessionstore.archive.sealed import held
from sessionstore.backup import check as backup_check
from sessionstore.backup import dump as backup
from sessionstore.database.companies import company_state
from sessionstore.database.connection import Connection, connect
from sessionstore.database.imports import ACTIVE, ImportRecord
from sessionstore.database.standing import of_companies, of_database
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree
from sessionstore.errors import MigrationProblem, Refused
from sessionstore.importing import stage, states
from sessionstore.importing.proof import prove, unchanged
from sessionstore.inspection import figures, misfiled
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.keys.names import Key, encode
from sessionstore.migrations.runner import Runner, grant_rows
from sessionstore.removal import remove
from sessionstore.removal.account import Accounting, account
from sessionstore.removal.second_proof import RemovalProof, account_again
from sessionstore.retention.prune import prune
from sessionstore.scan.layout import Layout
from sessionstore.scan.scan import scan_directory
from sessionstore.tables.description import described
from sessionstore.tables.layout import Tables
from sessionstore.tables.statements import quoted, statement
from tests.postgres import client_programs
from tests.store.service_tables import ORIGINAL

from ..host import test_schema as schema_seen
from ..host import test_sessions_in_database as rows_seen
from ..host.support.database import SESSION, Database, Row
from .conftest import MIGRATIONS
from .kinds import FILE_ROWS, KINDS, Kind
from .session_files import COMPANY, buffer, credentials, dump, keys, session

LOST = "120363000000000001@g.us::15550002222::0"


@dataclass
class Place:
    """A directory of session files beside a database of a kind."""

    kind: Kind
    settings: dict[str, Any]
    root: Path

    @property
    def directory(self) -> Path:
        return self.root / self.kind.named.replace("{company}", COMPANY)

    @property
    def layout(self) -> Layout:
        return Layout(named=self.kind.named, as_text=described(self.kind.tables).as_text)

    def imported(self, conn: Connection) -> ImportRecord:
        with scan_directory(str(self.root), layout=self.layout) as scan:
            record = stage.stage(conn, scan, COMPANY, "20261122T140000Z-l1", "wa-1")
        with scan_directory(str(self.root), layout=self.layout) as scan:
            proof = prove(conn, record.import_id, scan)
        assert proof.ok, proof.mismatches
        assert proof.rows == proof.keys == len(keys()) and proof.credentials_equal
        return states.activate(conn, record.import_id)

    def accounted(self, conn: Connection) -> Accounting:
        with scan_directory(str(self.root), layout=self.layout) as scan:
            return account(conn, scan, "live", company_ids=[COMPANY], activity=Activity(STOPPED))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, empty_database: dict[str, str], tmp_path: Path) -> Place:
    """The service's own tables, adopted, and its files."""
    kind = KINDS[request.param]
    found = Place(kind, {**empty_database, "tables": kind.tables}, tmp_path / "sessions")
    found.directory.mkdir(parents=True)
    (found.directory / "creds.json").write_text(dump(credentials()))
    for key, value in keys().items():
        (found.directory / encode(key)).write_text(dump(value))
    with connect(found.settings) as conn:
        conn.execute(kind.made.encode())
        if kind.made == ORIGINAL:
            conn.execute("TRUNCATE whatsapp_keys; TRUNCATE whatsapp_auth")
        steps = Runner(conn, MIGRATIONS).deploy()
        assert steps[0].action == "adopt"
    return found


@pytest.fixture
def conn(place: Place) -> Iterator[Connection]:
    """A connection with the kind's layout."""
    with connect(place.settings) as connection:
        yield connection


def test_the_whole_way(
    place: Place, conn: Connection, age_identity: tuple[str, str], out: Path
) -> None:
    """Import, proof, accounting, backup, removal: every file equal, and then none there."""
    record = place.imported(conn)
    assert record.state == ACTIVE and unchanged(conn, record.import_id)
    state = company_state(conn, COMPANY)
    assert (state.credentials, state.keys) == (True, len(keys()))
    answer = place.accounted(conn)
    assert answer.decision.removable, answer.decision.reasons
    assert [one.equal for one in answer.companies] == [len(keys()) + 1]
    _backed_up(place, conn, age_identity, out)
    with closing(open_directory(str(place.root))) as fd:
        create.create(fd, str(out), "sessions", [age_identity[1]])
    _removed(place, conn, out)
    assert not place.root.exists()
    done = prune(place.settings, str(out), 1, dry_run=True, named=place.kind.named)
    ((archive, _),) = done.archives
    assert archive.companies == (COMPANY,) and not archive.nameless
    assert [(one.companies, one.keys) for one, _ in done.backups] == [
        (len(keys()) + 1,) * 2 if conn.tables.one_table else (1, len(keys()))
    ]


def _backed_up(place: Place, conn: Connection, age_identity: tuple[str, str], out: Path) -> None:
    programs = str(client_programs())
    made = backup.take(conn, place.settings, str(out), "db", [age_identity[1]], programs=programs)
    # The service's own, those of imports, the figures', the migrations'.
    assert made.tables == len(conn.tables.names) + 4
    assert made.rows >= len(keys()) + 1
    assert backup.is_of_now(conn, made.manifest)
    checked = backup_check.check(
        made.backup, made.manifest, age_identity[0], place.settings, programs=programs
    )
    assert (checked.tables, checked.rows) == (made.tables, made.rows)


def _removed(place: Place, conn: Connection, out: Path) -> None:
    def accounted(fd: int, tree: Tree) -> Accounting:
        return account_again(
            conn,
            fd,
            tree,
            "sessions",
            "live",
            company_ids=[COMPANY],
            activity=Activity(STOPPED),
            layout=place.layout,
        )

    archive = f"{out}/sessions.tar.zst.age", f"{out}/sessions.manifest.jsonl"
    with held(*archive) as archived, closing(open_directory(str(place.root.parent))) as parent:
        proof = RemovalProof(conn, archived, accounted)
        remove.remove(
            parent,
            place.root.name,
            manifest=archived.manifest,
            objections=proof.objections,
            again=proof.again,
        )


def test_what_stands_in_the_rows(place: Place, conn: Connection) -> None:
    """As the service itself would have written it: company, key, and Buffers."""
    place.imported(conn)
    spelled, names = conn.tables.spelled(COMPANY), conn.tables.names
    raw = {
        json.dumps(row, default=str)
        for name in names
        for (row,) in psycopg.connect(
            **{k: v for k, v in place.settings.items() if k != "tables"}
        ).execute(f'SELECT to_jsonb(its) FROM "{conn.tables.schema}"."{name}" AS its'.encode())
    }
    text = "".join(raw)
    assert len(raw) == len(keys()) + 1
    first = conn.tables.buffers[0]
    assert ("[0, 0, 0," in text or "[0,0,0," in text) == (first == "array")
    if conn.tables.keys.company:
        assert all(f'"{spelled}"' in row for row in raw)
    if conn.tables.keys.spelling == "file-name":
        assert '"sender-key-120363000000000001@g.us--15550002222--0"' in text
    elif conn.tables.keys.spelling == "joined":
        assert '"sender-key-120363000000000001@g.us::15550002222::0"' in text


def test_a_row_that_differs_is_seen(place: Place, conn: Connection) -> None:
    """By the proof, by the accounting, and by whoever takes an import back."""
    record = place.imported(conn)
    key = Key("session", "15550002222.0")
    write(conn, key, dump(session(1)))
    assert not unchanged(conn, record.import_id)
    answer = place.accounted(conn)
    assert [one.file for one in answer.dispositions] == [f"{place.directory.name}/{encode(key)}"]
    assert not answer.decision.removable
    with (
        scan_directory(str(place.root), layout=place.layout) as scan,
        pytest.raises(Refused, match="no longer equal"),
    ):
        states.withdraw(conn, record.import_id, scan, active=True)


def write(conn: Connection, key: Key, text: str) -> None:
    """Write a value as the service does."""
    tables = conn.tables
    where = " AND ".join(f"{quoted(column)} = %s" for column in tables.keys.key)
    where += f" AND {quoted(tables.keys.company)} = %s" if tables.keys.company else ""
    statement = (
        f"UPDATE {quoted(tables.schema, tables.keys.table)} SET {quoted(tables.keys.value)} = %s"
        f" WHERE {where}"
    )
    company = [tables.spelled(COMPANY)] if tables.keys.company else []
    done = conn.execute(statement.encode(), [text, *tables.row_of(key), *company])
    assert done.rowcount == 1


def put(conn: Connection, tables: Tables, company: str) -> None:
    """Credentials and a key of a company, in some layout."""
    of_another = dump(credentials(me={"id": "8@s.whatsapp.net"}))
    given = [tables.spelled(company), of_another]
    conn.execute(statement(tables, stage._CREDENTIALS), given)
    copy = statement(tables, "COPY {keys_table} ({keys_columns}) FROM STDIN")
    with conn.cursor() as cursor, cursor.copy(copy) as rows:
        rows.write(tables.line_of(company, Key("pre-key", "1"), '{"a":1}'))


def test_an_import_is_taken_back(place: Place, conn: Connection) -> None:
    """Exactly its rows: those of another company stay."""
    record = place.imported(conn)
    several = conn.tables.keys.company is not None
    if several:
        put(conn, conn.tables, "other")
    with scan_directory(str(place.root), layout=place.layout) as scan:
        assert states.withdraw(conn, record.import_id, scan, active=True) == len(keys()) + 1
    state = company_state(conn, COMPANY)
    assert (state.credentials, state.keys) == (False, 0)
    if several:
        state = company_state(conn, "other")
        assert (state.credentials, state.keys) == (True, 1)


@pytest.mark.parametrize(
    "place", [one for one in KINDS if "only" not in KINDS[one].tables], indirect=True
)
def test_another_spelling_of_the_company_is_told(place: Place, conn: Connection) -> None:
    """The service may be on those rows: nothing is proven while they are there."""
    record = place.imported(conn)
    other = "{company}" if conn.tables.company != "{company}" else "company_{company}"
    put(conn, replace(conn.tables, company=other), COMPANY)
    (told,) = of_companies(conn, [COMPANY])
    spelled = other.replace("{company}", COMPANY)
    assert f"'{spelled}' besides those of {conn.tables.spelled(COMPANY)}" in told
    assert not place.accounted(conn).decision.removable
    with scan_directory(str(place.root), layout=place.layout) as scan:
        proof = prove(conn, record.import_id, scan)
    assert f"the database also has rows of {spelled}" in {one.reason for one in proof.mismatches}


def test_what_the_daily_check_sees(place: Place, conn: Connection) -> None:
    """Sizes, pre-keys, names: by one set of names whatever the layout."""
    place.imported(conn)
    assert of_database(conn) == () and of_companies(conn, [COMPANY]) == ()
    (company,) = figures.measure(conn)
    assert company.company_id == conn.tables.spelled(COMPANY)
    assert company.rows == len(keys()) + 1
    assert (company.unused_pre_keys, company.uploaded_pre_keys) == (40, 40)
    assert figures.record(conn, [company])
    assert misfiled.find(conn) == [] and misfiled.without_rows(conn, [COMPANY]) == []
    assert misfiled.without_rows(conn, ["other"]) == ["other"] or conn.tables.only
    conn.execute("CREATE ROLE app_of_layouts")
    try:
        grant_rows(conn, "app_of_layouts")
    finally:
        conn.execute("DROP OWNED BY app_of_layouts; DROP ROLE app_of_layouts")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('DROP TABLE "Session"', 'table "public"."Session" does not exist'),
        ('ALTER TABLE "Session" ALTER data DROP NOT NULL', "data must be text NOT NULL, is text"),
        ('ALTER TABLE "Session" ALTER data TYPE json USING NULL', "data must be text NOT NULL"),
        ('ALTER TABLE "Session" RENAME "sessionId" TO sid', '"sessionId" must be text'),
        ('DROP INDEX "Session_sessionId_id_key"', "(id, sessionId) must be unique"),
        ('ALTER TABLE "Session" ADD owner text NOT NULL', "columns without a default would refuse"),
        (
            'ALTER TABLE "Session" ALTER id TYPE varchar(64)',
            'ALTER TABLE "public"."Session" ALTER id TYPE',
        ),
        ('ALTER TABLE "Session" ENABLE ROW LEVEL SECURITY', "row level security is on"),
        ('CREATE INDEX i ON "Session" (id) INCLUDE (data)', "an index holds data"),
    ],
)
def test_tables_that_are_not_fit_are_not_adopted(
    empty_database: dict[str, str], change: str, told: str
) -> None:
    """What a later step would trip over is refused here, and nothing is made in their place."""
    settings = {**empty_database, "tables": KINDS["file-name rows"].tables}
    with connect(settings) as conn:
        conn.execute(FILE_ROWS.encode() + b";" + change.encode())
        runner = Runner(conn, MIGRATIONS)
        assert runner.plan()[0].name == "0001_service_tables"
        with pytest.raises(MigrationProblem, match="the service's tables are its own") as refused:
            runner.deploy()
        assert told in str(refused.value)
        assert runner.adopt() == ()


@pytest.mark.parametrize("buffers", [["array"], ["array", "base64"]])
def test_what_the_reader_does_not_revive_is_not_equal(
    empty_database: dict[str, str], tmp_path: Path, buffers: list[str]
) -> None:
    """A Buffer in the other spelling is an object to a service that knows one only."""
    kind = Kind({"buffers": buffers}, ORIGINAL)
    place = Place(kind, {**empty_database, "tables": kind.tables}, tmp_path / "sessions")
    place.directory.mkdir(parents=True)
    (place.directory / "creds.json").write_text(dump(credentials()))
    (place.directory / "identity-key-1.0.json").write_text(dump(buffer(50)))
    with connect(place.settings) as conn:
        conn.execute(ORIGINAL.encode())
        conn.execute("TRUNCATE whatsapp_keys; TRUNCATE whatsapp_auth")
        Runner(conn, MIGRATIONS).deploy()
        with scan_directory(str(place.root)) as scan:
            stage.stage(conn, scan, COMPANY, "20261122T140000Z-l1", "wa-1")
        write(conn, Key("identity-key", "1.0"), dump(buffer(50)))
        found = place.accounted(conn).dispositions
    assert bool(found) == (buffers == ["array"])


@pytest.mark.parametrize(
    ("creds", "told"),
    [
        ({"creds": credentials(), "keys": {"pre-key": {"1": {}}}}, "hold its keys as well"),
        (credentials(), "and none of its keys"),
    ],
)
def test_what_is_no_row_a_key_is_refused_in_a_sentence(
    place: Place, conn: Connection, creds: object, told: str
) -> None:
    """A whole session in one value, and half a move: nothing can be proven of keys there."""
    insert = statement(conn.tables, stage._CREDENTIALS)
    conn.execute(insert, [conn.tables.spelled(COMPANY), dump(creds)])
    with (
        scan_directory(str(place.root), layout=place.layout) as scan,
        pytest.raises(Refused, match=told),
    ):
        stage.stage(conn, scan, COMPANY, "20261122T140000Z-l1", "wa-1")
    decision = place.accounted(conn).decision
    assert not decision.removable and any(told in reason for reason in decision.reasons)


@pytest.mark.parametrize("place", ["file-name rows"], indirect=True)
def test_rows_that_are_not_named_like_files_are_misfiled(place: Place, conn: Connection) -> None:
    """The service asks for the escaped name; a type that no grammar has is told, and left alone."""
    place.imported(conn)
    names = ["sender-key-1@g.us::2::0", "pre-key-9.json", "future-1", "session-a b"]
    insert = """INSERT INTO "Session" ("sessionId", id, data) VALUES (%s, %s, '{}')"""
    for name in names:
        conn.execute(insert, [COMPANY, name])
    (found,) = misfiled.find(conn, [COMPANY])
    assert {one.row.key_id: one.right for one in found.misfiled} == {
        "sender-key-1@g.us::2::0": Key("sender-key", "1@g.us::2::0"),
        "pre-key-9.json": Key("pre-key", "9"),
    }
    assert found.by_cause == {misfiled.NO_FILE_FORM: 2}
    assert {row.key_id for row in found.unknown} == {"future-1"}
    assert "not as the file was named" in str(found.sentence())


class Direct(Database):
    """What a verification asks, without a host in between."""

    def __init__(self, place: Place, tables: Tables) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]
        self._place, self._tables = place, tables

    @property
    def tables(self) -> Tables:
        return self._tables

    def connect(self, **_: Any) -> psycopg.Connection[Row]:
        """A new connection."""
        given: dict[str, Any] = {**self._place.settings, **SESSION}
        del given["tables"]
        return psycopg.connect(**given)


CHECKS: tuple[Callable[..., object], ...] = (
    rows_seen.test_each_company_has_its_credentials,
    rows_seen.test_each_company_has_its_keys,
    rows_seen.test_no_company_is_there_in_two_spellings,
    rows_seen.test_keys_are_under_the_names_that_baileys_asks_for,
    rows_seen.test_no_key_expires,
    rows_seen.test_credentials_find_their_app_state_key,
    rows_seen.test_no_import_is_left_half_done,
    rows_seen.test_the_record_is_complete,
    rows_seen.test_no_imported_key_is_absent_without_reason,
    rows_seen.test_immutable_keys_are_as_imported,
)
OF_THE_SCHEMA: tuple[Callable[..., object], ...] = (
    schema_seen.test_tables_and_columns,
    schema_seen.test_every_migration_is_applied,
    schema_seen.test_every_migration_still_verifies,
)


def verified(place: Place, conn: Connection) -> dict[str, str]:
    """What each check of a verification says against the database; nothing of those that pass."""
    target = SimpleNamespace(database=Direct(place, conn.tables), history=[])
    declared = SimpleNamespace(on_postgresql=True, companies=[COMPANY], tables=conn.tables)
    said = {}
    for check in (*CHECKS, *OF_THE_SCHEMA):
        given = {"target": target, "declared": declared}
        wanted = inspect.signature(check).parameters
        try:
            check(**{name: one for name, one in given.items() if name in wanted})
        except AssertionError as problem:
            said[check.__name__] = str(problem)
    target.database.close()
    return said


def test_a_verification_reads_the_layout(place: Place, conn: Connection) -> None:
    """The checks of a host ask for the service's tables by their names, and see what is wrong there."""
    place.imported(conn)
    assert verified(place, conn) == {}
    write(conn, Key("identity-key", "15550002222.0"), dump(buffer(51)))
    gone = [conn.tables.spelled(COMPANY), *conn.tables.row_of(Key("sender-key", LOST))]
    conn.execute(
        statement(conn.tables, "DELETE FROM {keys_table} WHERE {keys_of} AND {key_is}"), gone
    )
    said = verified(place, conn)
    assert said.keys() == {
        "test_no_imported_key_is_absent_without_reason",
        "test_immutable_keys_are_as_imported",
    }
    assert encode(Key("sender-key", LOST)) in said["test_no_imported_key_is_absent_without_reason"]


@pytest.mark.parametrize("place", ["file-name rows", "ai-admin"], indirect=True)
def test_what_jsonb_refuses_is_kept_where_values_are_text(place: Place, conn: Connection) -> None:
    """A name cut in the middle of an emoji does turn up, and is no reason against a column of text."""
    creds = credentials(me={"id": "15550001111:7@s.whatsapp.net", "name": "Zo\ud83e"})
    (place.directory / "creds.json").write_text(json.dumps(creds))
    if conn.tables.as_text:
        place.imported(conn)
        assert place.accounted(conn).decision.removable
    else:
        with pytest.raises(Refused, match="half a surrogate pair"):
            place.imported(conn)
