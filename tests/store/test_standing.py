"""Rows that equal every file, in a database in which they do not stay or are not the service's."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sessionstore.archive import create
from sessionstore.database import standing
from sessionstore.disk.opening import closing, open_directory
from tests.postgres import Server, standby_of

from .commands import run
from .imports import void
from .night import at_step, no_more_steps
from .session_files import write_company

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc"),
    pytest.mark.skipif(not shutil.which("age"), reason="needs the program age"),
]
IMPORT = ("import", "--service-is-stopped", "--plan", "-")


@dataclass
class World:
    """A company that was imported, its archive, and the plan that everything is asked with."""

    plan: dict[str, Any]
    settings: dict[str, str]
    root: Path
    remove: tuple[str, ...]
    import_id: str

    def sql(self, statements: str, **other: str) -> None:
        """What somebody does in the database, on a connection of theirs."""
        with psycopg.connect(make_conninfo(**{**self.settings, **other}), autocommit=True) as conn:
            conn.execute(statements.encode())

    def use(self, **database: str) -> None:
        """Ask with other settings."""
        self.plan = {**self.plan, "database": {**self.plan["database"], **database}}

    def answers(self) -> dict[str, tuple[int, str]]:
        """Exit code of each command that concludes "safe", and why, in its own words."""
        prove = {**self.plan, "import_id": self.import_id}
        other = {**self.plan, "directory": str(self.root.parent / "others")}
        said = {
            "account": run("account", "--plan", "-", plan=self.plan),
            "prove": run("prove", "--plan", "-", plan=prove),
            "remove": run(*self.remove, plan=self.plan),
            "import": run(*IMPORT, "--dry-run", plan=other),
        }
        return {name: (code, f"{events} {words}") for name, (code, events, words) in said.items()}


SAFE = {"account": 0, "prove": 0, "remove": 2, "import": 2}
BLOCKED = {"account": 2, "prove": 2, "remove": 3, "import": 3}


@pytest.fixture
def world(database: dict[str, str], tmp_path: Path, age_identity: tuple[str, str]) -> World:
    """Everything as it should be; another company waits to be imported."""
    root = tmp_path / "baileys_sessions"
    write_company(root, pre_keys=5)
    write_company(tmp_path / "others", "77", pre_keys=1, registrationId=5)
    plan = {
        "database": database,
        "directory": str(root),
        "kind": "live",
        "service": "database",
    }
    code, events, _ = run(*IMPORT, plan=plan)
    assert code == 0
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(tmp_path), "old", [age_identity[1]])
    remove = ("remove", "--archive", made.archive, "--manifest", made.manifest, "--plan", "-")
    return World(plan, database, root, (*remove, "--dry-run"), events[0]["import_id"])


State = Callable[[World], None]


def sql(statements: str) -> State:
    """A state that one who may do everything makes."""
    return lambda world: world.sql(statements)


def by_role(statements: str, **settings: str) -> State:
    """A state of the service's own role, which is not the owner; everything is asked as that role."""

    def make(world: World) -> None:
        role = f"svc{secrets.token_hex(4)}"
        world.sql(
            f"CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};"
            + statements.replace("SVC", role)
        )
        world.use(user=role, **settings)

    return make


def moved_aside(world: World) -> None:
    """The tables that the service holds on to, renamed; fresh ones under their names."""
    world.sql(
        "ALTER TABLE whatsapp_keys RENAME TO keys_of_service;"
        "CREATE TABLE whatsapp_keys (LIKE keys_of_service INCLUDING ALL);"
        "INSERT INTO whatsapp_keys SELECT * FROM keys_of_service"
    )


def cloned(world: World) -> None:
    """A copy of the whole database beside it."""
    name = f"{world.settings['dbname']}_clone"
    world.sql(f"CREATE DATABASE {name} TEMPLATE {world.settings['dbname']}", dbname="postgres")
    world.use(dbname=name)


TRIGGER = (
    "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " NEW.expires_at := now() + '7 days'; RETURN NEW; END $$;"
    "CREATE TRIGGER expiring BEFORE INSERT OR UPDATE ON whatsapp_keys"
    " FOR EACH ROW EXECUTE FUNCTION quiet()"
)


def trigger(body: str, when: str) -> str:
    """One more trigger of the keys."""
    return (
        f"CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;"
        f"CREATE TRIGGER other {when} ON whatsapp_keys FOR EACH ROW EXECUTE FUNCTION other()"
    )


def job(command: str, database: str = "current_database()", *, active: bool = True) -> str:
    """One of pg_cron's, in the table that the extension makes."""
    return (
        "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid bigserial PRIMARY KEY, schedule text NOT"
        " NULL, command text NOT NULL, nodename text NOT NULL DEFAULT 'localhost', nodeport int NOT"
        " NULL DEFAULT 5432, database text NOT NULL DEFAULT current_database(), username text NOT NULL"
        " DEFAULT CURRENT_USER, active boolean NOT NULL DEFAULT true, jobname text);"
        "GRANT USAGE ON SCHEMA cron TO PUBLIC; GRANT SELECT ON cron.job TO PUBLIC;"
        "CREATE SCHEMA app; CREATE FUNCTION app.old() RETURNS void LANGUAGE sql AS"
        " $$ DELETE FROM whatsapp_keys WHERE created_at < now() $$;"
        "CREATE FUNCTION app.sweep() RETURNS void LANGUAGE sql AS $$ SELECT app.old() $$;"
        "CREATE FUNCTION app.expired() RETURNS void LANGUAGE plpgsql AS $$ BEGIN -- as ever\n"
        " DELETE FROM whatsapp_keys WHERE expires_at IS NOT NULL AND expires_at < NOW(); END $$;"
        "INSERT INTO cron.job (schedule, command, database, active, jobname) VALUES ('0 3 * * *',"
        f" $c${command}$c$, {database}, {active}, 'nightly');"
    )


COPIED = (
    "ALTER TABLE whatsapp_keys RENAME TO real_keys;"
    "CREATE {} whatsapp_keys AS SELECT * FROM real_keys"
)
POLICY = "ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON whatsapp_keys "
ELSEWHERE = (
    "CREATE SCHEMA app; CREATE TABLE app.{0} AS SELECT * FROM public.{0}; GRANT USAGE ON SCHEMA app"
    " TO PUBLIC; GRANT SELECT ON app.{0} TO PUBLIC;"
)
ONE = "UPDATE whatsapp_keys SET expires_at = {} WHERE key_type = 'pre-key' AND key_id = '3'"
NOT_IMPORT = BLOCKED.keys() - {"import"}
BLOCKING: list[tuple[str, State, str, object]] = [
    ("keys unlogged", sql("ALTER TABLE whatsapp_keys SET UNLOGGED"), "UNLOGGED: a crash", BLOCKED),
    ("records unlogged", sql("ALTER TABLE whatsapp_imports SET UNLOGGED"), "UNLOGGED", BLOCKED),
    ("a view", sql(COPIED.format("VIEW")), "is a view", BLOCKED),
    ("a copy of a moment", sql(COPIED.format("MATERIALIZED VIEW")), "last refresh", BLOCKED),
    ("no key", sql("ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_pkey;"
                   "INSERT INTO whatsapp_keys SELECT * FROM whatsapp_keys"), "no primary key",
     BLOCKED),
    ("copies that inherit", sql("CREATE TABLE more () INHERITS (whatsapp_keys)"), "more inherits",
     BLOCKED),
    ("a partition in no log", sql(
        "ALTER TABLE whatsapp_keys RENAME TO was; CREATE TABLE whatsapp_keys (LIKE was INCLUDING"
        " DEFAULTS, PRIMARY KEY (company_id, key_type, key_id)) PARTITION BY HASH (company_id);"
        "CREATE UNLOGGED TABLE half PARTITION OF whatsapp_keys FOR VALUES WITH (MODULUS 1,"
        " REMAINDER 0); INSERT INTO whatsapp_keys SELECT * FROM was; DROP TABLE was"),
     "half is UNLOGGED", BLOCKED),
    ("rows that expired", sql(ONE.format("now() - interval '1 h'")), "pre-key 3", NOT_IMPORT),
    ("rows that will expire", sql(ONE.format("now() + interval '9 d'")), "pre-key 3", NOT_IMPORT),
    ("a default that expires", sql("ALTER TABLE whatsapp_keys ALTER expires_at SET DEFAULT now()"),
     "expires_at of public.whatsapp_keys has a default", BLOCKED),
    ("a trigger that expires", sql(TRIGGER), "trigger expiring", BLOCKED),
    ("ids that come back padded", sql("ALTER TABLE whatsapp_keys ALTER key_id TYPE char(64)"),
     "key_id of public.whatsapp_keys is character", BLOCKED),
    ("a rule", sql("CREATE RULE never AS ON UPDATE TO whatsapp_keys DO INSTEAD NOTHING"),
     "rule never", BLOCKED),
    ("a policy that hides rows", by_role(POLICY + "USING (key_id <> '3')"), "row level security",
     BLOCKED),
    ("a policy of another role", sql(POLICY + "TO pg_monitor USING (true)"), "row level security",
     BLOCKED),
    ("a policy that takes back", sql(POLICY + "USING (true); CREATE POLICY q ON whatsapp_keys AS"
                                     " RESTRICTIVE USING (key_id <> '3')"), "row level security",
     BLOCKED),
    ("a role's search_path", by_role(ELSEWHERE.format("whatsapp_keys")
                                     + "ALTER ROLE SVC SET search_path = app, public"),
     "search_path finds whatsapp_keys in schema app", BLOCKED),
    ("a schema of the role's name", by_role(ELSEWHERE.format("whatsapp_auth")
                                            + "ALTER SCHEMA app RENAME TO SVC"),
     "search_path finds whatsapp_auth in schema svc", BLOCKED),
    ("tables elsewhere", sql(ELSEWHERE.format("whatsapp_keys")), "app.whatsapp_keys", NOT_IMPORT),
    ("tables nobody may read", by_role("CREATE TABLE hidden (LIKE whatsapp_keys INCLUDING ALL)"),
     "public.hidden is of the same layout", BLOCKED),
    ("the service's own renamed", moved_aside, "keys_of_service", NOT_IMPORT),
    ("another's rows of the record", sql("UPDATE whatsapp_imports SET stored_in = NULL"),
     "not on record", NOT_IMPORT),
    ("a clone", cloned, "imported into another cluster, database or table", NOT_IMPORT),
    ("a role that only reads", by_role("ALTER ROLE SVC SET default_transaction_read_only = on"),
     "default_transaction_read_only", BLOCKED),
    ("no triggers for a role", by_role("ALTER ROLE SVC SET session_replication_role = replica"),
     "session_replication_role", BLOCKED),
    ("a policy for reading alone", sql(POLICY + "FOR SELECT USING (true)"), "keeps them from writing",
     BLOCKED),
    ("a policy that writes less", sql(POLICY + "USING (true) WITH CHECK (key_id <> '3')"),
     "keeps them from writing", BLOCKED),
    *((f"a trigger, {name}", sql(trigger(body, when)), "trigger other", BLOCKED)
      for name, body, when in [
        ("code behind a comment's end", "begin -- x\r delete from whatsapp_keys;\n new.updated_at ="
         " now(); return new; end", "BEFORE UPDATE"),
        ("code between comments", "begin /* -- */ delete from whatsapp_keys; /* \n */ new.updated_at ="
         " now(); return new; end", "BEFORE UPDATE"),
        ("code between strings", "begin perform pg_notify('/*', ''); delete from whatsapp_keys;"
         " perform pg_notify('*/', ''); return new; end", "AFTER UPDATE"),
        ("a message that stops the write", "begin perform pg_notify('k', tg_op); return null; end",
         "BEFORE UPDATE"),
        ("a message of a value", "begin perform pg_notify('k', new.value::text); return new; end",
         "AFTER UPDATE"),
        ("nothing to return", "begin new.updated_at = now(); return new; end",
         "BEFORE UPDATE OR DELETE"),
        ("a message of what it calls", "begin perform pg_notify('k', app.concat(tg_op)); return new;"
         " end", "AFTER UPDATE")]),
    *((f"a job that {name}", sql(job(command)), "cron job nightly (0 3 * * *) deletes", BLOCKED)
      for name, command in [
        ("deletes by age", "DELETE FROM whatsapp_keys WHERE updated_at < now() - interval '7 days'"),
        ("deletes also by expiry", "DELETE FROM ONLY public.whatsapp_keys WHERE expires_at < now() OR"
         " key_type = 'pre-key'"),
        ("deletes what expires in no time", "DELETE FROM whatsapp_keys WHERE expires_at < now() IS NOT"
         " TRUE"),
        ("deletes twice", "DELETE FROM whatsapp_keys WHERE expires_at < now(); DELETE/**/FROM"
         " whatsapp_auth"),
        ("empties", "TRUNCATE notes, whatsapp_keys"),
        ("deletes what expires in no such time", "DELETE FROM whatsapp_keys WHERE (expires_at <"
         " now()) IS NOT TRUE"),
        ("calls by a quoted name", 'CALL app."sweep" ()'),
        ("calls what calls what deletes", "SELECT app.sweep()")]),
    ("jobs nobody may see", by_role(job("SELECT 1") + "ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY;"
     "CREATE POLICY own ON cron.job USING (username = CURRENT_USER)"), "every job in cron.job",
     BLOCKED),
    ("jobs out of reach", by_role(job("SELECT 1") + "REVOKE ALL ON SCHEMA cron FROM PUBLIC"),
     "every job in cron.job", BLOCKED),
    ("a role that may not write", by_role("REVOKE UPDATE ON whatsapp_keys FROM SVC"),
     "may not UPDATE public.whatsapp_keys", BLOCKED),
    ("values that are texts", sql("ALTER TABLE whatsapp_keys ALTER value TYPE text"),
     "value of public.whatsapp_keys is text", BLOCKED),
    ("values that another column makes", sql("ALTER TABLE whatsapp_keys RENAME value TO own; ALTER"
     " TABLE whatsapp_keys ADD value jsonb GENERATED ALWAYS AS (own) STORED"),
     "value of public.whatsapp_keys is generated", BLOCKED),
    ("credentials marked as deleted", sql("ALTER TABLE whatsapp_auth ADD deleted_at timestamptz;"
     "UPDATE whatsapp_auth SET deleted_at = now()"), "have deleted_at", NOT_IMPORT),
    ("rows under the other spelling", sql("INSERT INTO whatsapp_auth SELECT 'company_962302', creds"
     " FROM whatsapp_auth"), "rows of company_id 'company_962302'", NOT_IMPORT),
    ("nobody says what it runs on", lambda world: void(world.plan.pop("service")),
     'not known ("service" in the plan)', {"account", "remove"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words", "blocked"), [one[1:] for one in BLOCKING], ids=[one[0] for one in BLOCKING]
)
def test_nothing_is_safe(world: World, make: State, words: str, blocked: set[str]) -> None:
    """Whatever its rows say: blocked, with the fact named, by all that concludes from them."""
    make(world)
    demand(world, words, blocked)


def demand(world: World, words: str, blocked: object = BLOCKED) -> None:
    """The commands that must block do, and name it."""
    assert isinstance(blocked, (set, dict, frozenset))
    for name, (code, said) in world.answers().items():
        wanted = BLOCKED[name] if name in blocked else SAFE[name]
        assert code == wanted, (name, said)
        assert (words in said) == (name in blocked), (name, said)
    assert world.root.exists()


TOUCH = (
    "CREATE OR REPLACE FUNCTION whatsapp_keys_touch() RETURNS trigger LANGUAGE plpgsql AS $$ {} $$"
)
FINE: list[tuple[str, State]] = [
    ("as it was imported", lambda world: None),
    ("policies that hide nothing", sql(POLICY + "USING (true) WITH CHECK (true)")),
    ("a service's own trigger", sql(TOUCH.format(
        "begin -- as ever\n  new.updated_at = CURRENT_TIMESTAMP;\n  return new;\nend;"))),
    *((f"it touches: {now}", sql(TOUCH.format(f"begin {now} return new; end"))) for now in [
        "new.updated_at := now() at time zone 'utc';", "new.updated_at = (NOW() AT TIME ZONE 'UTC');",
        "/* -- */ new.updated_at = now();", 'NEW."updated_at" = current_timestamp(3);',
        "if new.* is distinct from old.* then new.updated_at := now(); end if;"]),
    ("it tells of a deletion", sql(trigger(
        "begin perform pg_notify('keys', old.key_id); return old; end", "AFTER DELETE"))),
    *((f"a job that {name}", sql(made)) for name, made in [
        ("deletes what expired", job("DELETE FROM whatsapp_keys WHERE expires_at < now()")),
        ("calls what deletes what expired", job("SELECT app.expired()")),
        ("looks", job("SELECT count(*) FROM whatsapp_keys")),
        ("is off", job("TRUNCATE whatsapp_keys", active=False)),
        ("is another database's", job("TRUNCATE whatsapp_keys", "'other'"))]),
    ("it tells of a row", sql(trigger(
        "begin perform pg_notify('keys', json_build_object('op', TG_OP, 'company', NEW.company_id,"
        " 'key', new.key_type || '-' || new.key_id)::text); return null; end",
        "AFTER INSERT OR UPDATE"))),
    ("a history of a service's", sql(
        "CREATE TABLE history (n bigserial PRIMARY KEY, LIKE whatsapp_keys);"
        "INSERT INTO history SELECT nextval('history_n_seq'), * FROM whatsapp_keys")),
    ("a table of companies", sql("CREATE TABLE companies (company_id text PRIMARY KEY, creds text);"
                                 "INSERT INTO companies VALUES ('962302', NULL)")),
    ("a trigger that is off", sql(
        f"{TRIGGER}; ALTER TABLE whatsapp_keys DISABLE TRIGGER expiring")),
    ("another's tables", sql("CREATE SCHEMA app; CREATE TABLE app.whatsapp_keys (LIKE"
                             " whatsapp_keys); CREATE TABLE notes (company_id text, creds text)")),
    ("a copy that somebody keeps", sql("CREATE TABLE kept AS SELECT * FROM whatsapp_keys")),
    ("a search_path that leads to the same", by_role("ALTER ROLE SVC SET search_path = public")),
    ("a search_path that leads nowhere", by_role("ALTER ROLE SVC SET search_path = ''")),
    ("another spelling of times", by_role("ALTER ROLE SVC SET DateStyle = 'SQL, DMY'")),
]  # fmt: skip


@pytest.mark.parametrize("make", [one[1] for one in FINE], ids=[one[0] for one in FINE])
def test_what_harms_nothing_blocks_nothing(world: World, make: State) -> None:
    """A service has triggers, policies and settings of its own."""
    make(world)
    assert {name: code for name, (code, _) in world.answers().items()} == SAFE, world.answers()


@pytest.mark.parametrize("whose", ["", "TO SVC"])
def test_policies_that_hide_nothing_from_a_role(world: World, whose: str) -> None:
    """Nothing blocks; but COPY, by which an import goes, wants none, and that is said."""
    by_role(f"{POLICY} {whose} USING (true) WITH CHECK (true)")(world)
    answers = world.answers()
    assert {name: code for name, (code, _) in answers.items()} == {**SAFE, "import": 3}
    assert "import as the owner" in answers["import"][1]


VARIABLES = {
    "PGOPTIONS": "-c search_path=app",
    "PGHOSTADDR": "192.0.2.7",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGSERVICE": "other",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSSLMODE": "verify-full",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "SQL",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_bends_the_connection(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the plan says where it leads."""
    world.sql("CREATE SCHEMA app; CREATE TABLE app.whatsapp_keys (LIKE whatsapp_keys)")
    monkeypatch.setenv(name, VARIABLES[name])
    assert {name: code for name, (code, _) in world.answers().items()} == SAFE, world.answers()


@pytest.mark.parametrize("what", ["DELETE FROM whatsapp_keys", "LOCK whatsapp_auth IN SHARE MODE"])
def test_a_prepared_transaction(world: World, what: str) -> None:
    """A deletion that only waits for its commit, by nobody's session."""
    name = f"it's {secrets.token_hex(4)}"
    quoted = name.replace("'", "''")
    world.sql(f"BEGIN; {what}; PREPARE TRANSACTION '{quoted}'")
    try:
        demand(world, f"COMMIT PREPARED '{quoted}'; or ROLLBACK PREPARED")
    finally:
        world.sql(f"ROLLBACK PREPARED '{quoted}'")
    assert {name: code for name, (code, _) in world.answers().items()} == SAFE


def test_a_deletion_that_is_not_committed_yet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a session that sleeps in its transaction: to everybody else the rows are there."""
    with psycopg.connect(make_conninfo(**world.settings)) as writer:
        writer.execute("DELETE FROM whatsapp_keys WHERE key_type = 'app-state-sync-key'")
        assert {name: code for name, (code, _) in world.answers().items()} == SAFE, "too early"
        monkeypatch.setattr(standing, "LONGEST_OPEN", 0.5)
        time.sleep(0.6)
        demand(world, f"pg_terminate_backend({writer.info.backend_pid})")
        writer.rollback()
        writer.execute("SELECT count(*) FROM whatsapp_keys")
        time.sleep(0.6)
        assert {name: code for name, (code, _) in world.answers().items()} == SAFE


@contextmanager
def setting(world: World, name: str, value: str) -> Iterator[None]:
    """What an administrator sets for the whole server."""
    world.sql(f"ALTER SYSTEM SET {name} = {value}")
    world.sql("SELECT pg_reload_conf(), pg_sleep(0.3)")
    try:
        yield
    finally:
        world.sql(f"ALTER SYSTEM RESET {name}")
        world.sql("SELECT pg_reload_conf(), pg_sleep(0.3)")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_a_crash_empties(world: World, name: str) -> None:
    """Durable settings, or what was committed may be gone after a power cut."""
    with setting(world, name, "off"):
        demand(world, f"{name} = off")


def test_a_standby_and_what_becomes_of_it(world: World, running: Server) -> None:
    """It shows what the primary was; promoted it is a second cluster with the very same numbers."""
    with standby_of(running) as standby:
        world.use(host=str(standby.place))
        # So much that the checkpoint that follows a promotion takes its time.
        world.sql("CREATE TABLE much AS SELECT generate_series(1, 200000)")
        demand(world, "is a standby")
        world.sql("SELECT pg_promote()", host=str(standby.place), dbname="postgres")
        # At once, as long as its last checkpoint is the primary's, and after its own.
        demand(world, "imported into another cluster", NOT_IMPORT)
        world.sql("CHECKPOINT", host=str(standby.place), dbname="postgres")
        demand(world, "imported into another cluster", NOT_IMPORT)


def test_the_way_on_is_one(world: World) -> None:
    """A database that took the other's place: the statement that is named, and it goes on."""
    cloned(world)
    said = world.answers()["account"][1]
    statement = said.partition("no longer on that: ")[2].partition(" AND state")[0]
    world.sql(statement.replace('\\"', '"'), dbname=world.plan["database"]["dbname"])
    assert {name: code for name, (code, _) in world.answers().items()} == SAFE


def archived(world: World) -> tuple[Path, Path]:
    """Paths of archive and manifest."""
    return Path(world.remove[2]), Path(world.remove[4])


def in_memory(world: World) -> None:
    """On a file system that a power cut takes."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm"))
    moved = [str(shutil.copy(one, place)) for one in archived(world)]
    world.remove = ("remove", "--archive", moved[0], "--manifest", moved[1], "--plan", "-")


def edited(world: World) -> None:
    """The manifest says of a changed file what it is now, and not what the archive holds."""
    _, manifest = archived(world)
    path = next(world.root.rglob("pre-key-3.json"))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(path.read_text().replace(":", ": ", 1))
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    text = manifest.read_text().replace(before, now)
    size = len(path.read_bytes())
    text = text.replace(
        f'"size": {size - 1}, "sha256": "{now}"', f'"size": {size}, "sha256": "{now}"'
    )
    lines = text.splitlines()
    tail = json.loads(lines[-1])
    tail["totals"]["bytes"] += 1
    manifest.write_text("\n".join([*lines[:-1], json.dumps(tail)]) + "\n")


@pytest.mark.parametrize(
    ("make", "words"),
    [(in_memory, "lies in memory"), (edited, "the manifest was altered")],
    ids=["in memory", "an edited manifest"],
)
def test_an_archive_that_is_none(world: World, make: State, words: str) -> None:
    """The rows are safe, and what only the archive would hold is not."""
    make(world)
    code, events, said = run(*(one for one in world.remove if one != "--dry-run"), plan=world.plan)
    assert code in (1, 3) and words in f"{events} {said}", (code, said)
    assert world.root.exists()
    if make is in_memory:
        shutil.rmtree(Path(world.remove[2]).parent)


GONE = "DELETE FROM whatsapp_keys WHERE key_type = 'app-state-sync-key'"
MEANWHILE: list[tuple[str, str, State, str]] = [
    ("the archive, during the proof", "removal.second_proof.account_again",
     lambda world: archived(world)[0].unlink(), "its archive is gone"),
    ("the archive, during the deletion", "removal.delete._delete_files",
     lambda world: archived(world)[0].unlink(), "its archive is gone"),
    ("another archive in its place", "removal.second_proof.account_again",
     lambda world: void(shutil.copy(archived(world)[0], archived(world)[0].with_suffix(".x"))
                        and archived(world)[0].with_suffix(".x").replace(archived(world)[0])),
     "not the file any more"),
    ("rows, while they are compared", "removal.comparison.judge", sql(GONE), "app-state-sync-key went"),
    ("rows, right after the account", "removal.second_proof._of_the_same_bytes", sql(GONE),
     "app-state-sync-key went"),
    ("rows, during the deletion", "removal.delete._delete_files", sql(GONE), "app-state-sync-key went"),
    ("a row, and another one comes", "removal.remove._late_reasons",
     sql("UPDATE whatsapp_keys SET key_id = 'AAAAAFop' WHERE key_type = 'app-state-sync-key'"),
     "app-state-sync-key went"),
    ("a key that never changes", "removal.remove._late_reasons",
     sql("UPDATE whatsapp_keys SET value = '{}' WHERE key_type = 'app-state-sync-key'"),
     "app-state-sync-key went, or are others"),
    ("all rows, after the proof", "removal.remove._late_reasons",
     sql("TRUNCATE whatsapp_keys, whatsapp_auth"), "its credentials in the database went"),
    ("the tables' log, during the deletion", "removal.delete._delete_files",
     sql("ALTER TABLE whatsapp_keys SET UNLOGGED"), "UNLOGGED"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "act", "words"), [one[1:] for one in MEANWHILE], ids=[one[0] for one in MEANWHILE]
)
def test_what_goes_meanwhile_keeps_the_credentials(
    world: World, step: str, act: State, words: str
) -> None:
    """They are the last to go, after a second look at archive and rows."""
    # Not inside the act itself: it reads with this process's own functions.
    at_step(step, "call", 1, lambda: act(world))
    try:
        code, events, said = run(
            *(one for one in world.remove if one != "--dry-run"), plan=world.plan
        )
    finally:
        no_more_steps()
    assert code == 3 and words in f"{events} {said}", said
    assert list(world.root.parent.glob(f"{world.root.name}*/*/creds.json"))


def test_what_went_while_a_removal_lay_cut_off_is_told(world: World) -> None:
    """Only the credentials are left, and they are equal: the rest was seen by a run that is no more."""
    remove = [one for one in world.remove if one != "--dry-run"]
    at_step("removal.remove._late_reasons", "return", 1, lambda: world.sql(GONE))
    try:
        code, _, said = run(*remove, plan=world.plan)
    finally:
        no_more_steps()
    assert code == 3 and "app-state-sync-key went" in said
    half = world.root.with_name(f"{world.root.name}.removing")
    assert [path.name for path in half.rglob("*.json")] == ["creds.json"]
    code, events, said = run(*remove, plan=world.plan)
    assert (
        code == 3 and "its row went since" in said and "app-state-sync-key-" in f"{events} {said}"
    )
    assert [path.name for path in half.rglob("*.json")] == ["creds.json"]
