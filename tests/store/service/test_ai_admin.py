"""The service ai-admin behaves as the one that it is made after, where that is worse too."""

from __future__ import annotations

import json
import shutil
import stat
import time
from pathlib import Path

import pytest

from lab.profiles.service_repository import SOURCES
from sessionstore.database.connection import connect
from sessionstore.importing import stage, states
from sessionstore.importing.proof import prove
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.migrations.runner import Runner
from sessionstore.removal.account import account
from sessionstore.scan.scan import scan_directory
from tests.store.conftest import MIGRATIONS
from tests.store.service import machine
from tests.store.service.ai_admin import (
    COMPANY,
    KIND,
    AiAdmin,
    in_release,
    install,
    make_tables,
    settings,
    start_in_vain,
    started,
    supabase,
    whatsapp,
)

NO_PROVIDER = (
    "No auth state provider configured. Set USE_LEGACY_SUPABASE=true or USE_REPOSITORY_PATTERN=true"
)
PM2 = {"NODE_ENV": "production", "COMPANY_ID": COMPANY}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> AiAdmin:
    """Seeded once; no test changes it."""
    if why_not := machine.node_is_missing():
        pytest.skip(why_not)
    return install(tmp_path_factory.mktemp("ai-admin"))


@pytest.fixture
def service(template: AiAdmin, tmp_path: Path) -> AiAdmin:
    """A copy to change; the dependencies are shared."""
    copy = AiAdmin(tmp_path / "old", tmp_path / "new", tmp_path / "peer")
    for name in ("old", "new", "peer"):
        source: Path = getattr(template, name)
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("node_modules"))
        if name != "peer":
            (tmp_path / name / "node_modules").symlink_to(template.old / "node_modules")
    return copy


@pytest.fixture
def on_rows(service: AiAdmin, empty_database: dict[str, str]) -> AiAdmin:
    """Its own tables without the covering index; both revisions on PostgreSQL."""
    make_tables(empty_database, covering=False)
    for release in (service.old, service.new):
        machine.write_env(release, **settings(empty_database, "postgres"))
    return service


def move(service: AiAdmin) -> None:
    """The keys into the rows, by the service's own writer."""
    tool = SOURCES / "aged" / "move-to-postgres.mjs"
    beside = service.old.parent / "aged"
    beside.mkdir()
    shutil.copy(tool, beside)
    (beside.parent / "lab-tools").symlink_to(SOURCES / "tools")
    machine.tool(service.old, str(beside / tool.name), service.peer / "keys.json", **KIND)


def test_its_reader_revives_what_its_writer_spelled(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """Buffers as integers, an end to every key, and the conversation goes on."""
    message = on_rows.peer / "message.json"
    on_rows.talk(on_rows.old, "peer-encrypt", "--text", "hello", "--out", message)
    move(on_rows)
    files = on_rows.digests_of_files()
    assert len(files) == 1313 + 1 and all(line["digest"] for line in files)
    assert on_rows.digests(on_rows.new, "--from", "postgres") == files
    with connect(empty_database) as conn:
        spelled = conn.execute(
            "SELECT jsonb_typeof(value #> '{private,data}') FROM whatsapp_keys"
            " WHERE key_type = 'pre-key' GROUP BY 1"
        ).fetchall()
        ends = conn.execute(
            "SELECT key_type, round(extract(epoch FROM max(expires_at) - now()) / 86400)::int"
            " FROM whatsapp_keys GROUP BY 1 HAVING count(*) = count(expires_at)"
        ).fetchall()
    assert spelled == [("array",)]
    seven = {"lid-mapping", "pre-key", "session", "sender-key"}
    assert len(ends) == 10
    assert {kind for kind, days in ends if days == 7} == seven
    assert {days for kind, days in ends if kind not in seven} == {14}
    read = ("service-decrypt", "--provider", "postgres", "--in", message)
    assert on_rows.talk(on_rows.new, *read) == ["hello"] * 2


def test_its_reader_revives_baileys_own_spelling(
    service: AiAdmin, database: dict[str, str]
) -> None:
    """What the product imports is in base64."""
    with connect(database) as conn, scan_directory(str(service.live.parent)) as scan:
        record = stage.stage(conn, scan, COMPANY, "20261122T140000Z-3fa2", "wa-1")
        states.activate(conn, record.import_id)
    machine.write_env(service.new, **settings(database, "postgres"))
    assert service.digests(service.new, "--from", "postgres") == service.digests_of_files()


def test_it_reads_what_is_imported_in_its_own_spelling(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """Into its own tables, adopted, by a description of them: Buffers as integers, its ids as it has them."""
    tables = {"buffers": ["array", "base64"]}
    with connect({**empty_database, "tables": tables}) as conn:
        Runner(conn, MIGRATIONS).deploy()
        with scan_directory(str(on_rows.live.parent)) as scan:
            record = stage.stage(conn, scan, COMPANY, "20261122T140000Z-3fa2", "wa-1")
            assert prove(conn, record.import_id, scan).ok
            states.activate(conn, record.import_id)
        spelled = conn.execute(
            "SELECT jsonb_typeof(value #> '{private,data}') FROM whatsapp_keys"
            " WHERE key_type = 'pre-key' GROUP BY 1"
        ).fetchall()
    assert spelled == [("array",)]
    assert on_rows.digests(on_rows.new, "--from", "postgres") == on_rows.digests_of_files()


def test_what_its_writer_spelled_is_proven_of_the_files(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """Every file accounted for against rows that nobody here wrote; what expires is told."""
    move(on_rows)
    tables = {"buffers": ["array", "base64"]}
    with connect({**empty_database, "tables": tables}) as conn:
        Runner(conn, MIGRATIONS).deploy()
        with scan_directory(str(on_rows.live.parent)) as scan:
            answer = account(conn, scan, "live", activity=Activity(STOPPED))
    assert [one.equal for one in answer.companies] == [1313 + 1]
    assert answer.dispositions == ()
    assert any("expire" in reason for reason in answer.decision.reasons)


def test_the_covering_index_loses_keys(on_rows: AiAdmin, empty_database: dict[str, str]) -> None:
    """A value of over 2.7 kB can't be inserted, and takes those of its statement with it, but no more."""
    make_tables(empty_database, covering=True)
    told = in_release(
        on_rows.new,
        """
        const value = size => Array.from({ length: size }, (_, i) => (i * 7919 * i) % 1000003)
        await keys.set({ session: { old: value(9) } })
        const many = Array.from({ length: 150 }, (_, i) => [`s${i}`, value(i === 120 ? 900 : 9)])
        const error = await keys.set({ session: { old: null, ...Object.fromEntries(many) } })
          .then(() => null, error => error.code)
        const found = await keys.get('session', ['old', ...many.map(([id]) => id)])
        tell({ error, found: Object.keys(found).length, old: found.old ?? null })
        """,
    )
    assert told == {"error": "54000", "found": 100, "old": None}


def test_a_failed_get_says_that_there_are_no_keys(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """And null is null."""
    told = in_release(
        on_rows.new,
        """
        await keys.set({ tctoken: { a: { token: null } } })
        const before = await keys.get('tctoken', ['a'])
        await postgres.query('ALTER TABLE whatsapp_keys RENAME TO elsewhere')
        tell({ before, after: await keys.get('tctoken', ['a']) })
        """,
    )
    assert told == {"before": {"a": {"token": None}}, "after": {}}


def test_its_clean_up_deletes_keys_that_were_never_replaced(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """The function that the application calls, and the policy that hides nothing from it."""
    told = in_release(
        on_rows.new,
        """
        await keys.set({ session: { quiet: { a: 1 }, busy: { a: 1 } } })
        await postgres.query(`UPDATE whatsapp_keys SET expires_at = NOW() - interval '1 hour'
                              WHERE key_id = 'quiet'`)
        await require('./src/jobs/expired-keys').cleanUp()
        tell(await keys.get('session', ['quiet', 'busy']))
        """,
    )
    assert told == {"busy": {"a": 1}}
    with connect(empty_database) as conn:
        seen = conn.execute(
            "SELECT c.relname, c.relrowsecurity, p.qual, p.with_check FROM pg_class c"
            " JOIN pg_policies p ON p.tablename = c.relname ORDER BY 1"
        ).fetchall()
    rows = [("whatsapp_auth", True, "true", "true"), ("whatsapp_keys", True, "true", "true")]
    assert seen == rows


def test_it_starts_on_its_files(service: AiAdmin, empty_database: dict[str, str]) -> None:
    """Its health says nothing of provider or keys; connected means that there are credentials."""
    machine.write_env(service.old, **settings(empty_database, "files"))
    before = {path.name: path.read_bytes() for path in service.live.iterdir()}
    with started(service.old, **PM2) as it:
        health = it.health()
        code, log = it.stop()
    metrics = health.pop("metrics")
    assert health == {
        "service": "baileys-whatsapp",
        "companyId": COMPANY,
        "status": "connected",
        "connected": True,
        "user": "Ассистент “ai-admin” 🚀",
        "phoneNumber": "15550100000",
        "hasQR": False,
        "hasPairingCode": False,
    }
    assert metrics["active"] == 1 and code == 0
    assert f"📁 Using file auth state for company {COMPANY}" in log
    assert before == {path.name: path.read_bytes() for path in service.live.iterdir()}


def test_it_starts_on_its_rows(on_rows: AiAdmin) -> None:
    """The lines, in their order; a message that can't be sent; and the cache that it leaves."""
    move(on_rows)
    with started(on_rows.new, **PM2) as it:
        assert it.health()["connected"] is True
        sent = it.post("/send", {"phone": "+1 555 010 4001", "message": "hi"})
        assert it.post("/status", {}) == (404, {"error": "Not found"})
        _, log = it.stop()
    assert sent[0] == 500 and sent[1]["success"] is False
    said = [line.partition("]: ")[2] for line in log.splitlines()]
    lines = [
        f"🚀 Starting Baileys WhatsApp service for company {COMPANY}",
        "✅ WhatsApp session pool initialized",
        f"🗄️ Using PostgreSQL auth state for company {COMPANY}",
        f"🔐 Initializing PostgreSQL auth state for company {COMPANY}",
        "✅ Connected to production PostgreSQL",
        f"✅ Credentials loaded for company {COMPANY}",
        f"📡 Baileys service listening on port {it.port}",
    ]
    assert [line for line in said if line in lines] == lines
    cache = on_rows.new / ".baileys-cache.json"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert list(json.loads(cache.read_text())) == [COMPANY]


def test_without_pm2s_environment_it_is_another_company(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """Its identity is made and kept at once; and what dotenv says comes too late for the log."""
    with (on_rows.new / ".env").open("a") as env:
        env.write("NODE_ENV=production\nLOG_LEVEL=error\n")
    with started(on_rows.new) as it:
        health = it.health()
        _, log = it.stop()
    assert (health["companyId"], health["connected"]) == ("1001", False)
    assert "🆕 No credentials found for company 1001, creating new" in log
    assert "\x1b[32minfo" in log
    with connect(empty_database) as conn:
        assert conn.execute("SELECT company_id FROM whatsapp_auth").fetchall() == [("1001",)]


@pytest.mark.parametrize(
    ("flags", "provider"),
    [
        ({}, "supabase"),
        ({"USE_LEGACY_SUPABASE": "no"}, "supabase"),
        ({"USE_DATABASE_AUTH_STATE": "true"}, "supabase"),
        ({"USE_LEGACY_SUPABASE": "false", "USE_DATABASE_AUTH_STATE": "true"}, "postgres"),
        ({"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "true"}, "files"),
    ],
)
def test_its_flags_choose_the_provider(
    service: AiAdmin, empty_database: dict[str, str], flags: dict[str, str], provider: str
) -> None:
    """Unset means Supabase, which leaves nothing on this host; the new revision has no files."""
    make_tables(empty_database, covering=True)
    shutil.rmtree(service.live)
    where = settings(empty_database, provider)
    database = {name: value for name, value in where.items() if name.startswith("POSTGRES")}
    says = {
        "supabase": f"☁️ Using legacy Supabase auth state for company {COMPANY}",
        "postgres": f"🗄️ Using PostgreSQL auth state for company {COMPANY}",
        "files": f"📁 Using file auth state for company {COMPANY}",
    }
    with supabase(service.peer) as elsewhere:
        for release in (service.old, service.new):
            machine.write_env(release, **database, **elsewhere, **flags)
            if (release, provider) == (service.new, "files"):
                code, log = start_in_vain(release)
                assert code == 1 and NO_PROVIDER in log
                continue
            with started(release, **PM2) as it:
                it.health()
                _, log = it.stop()
            assert [one for one, line in says.items() if line in log] == [provider]
    with connect(empty_database) as conn:
        rows = conn.execute("SELECT count(*) FROM whatsapp_auth").fetchone()
    assert rows == (int(provider == "postgres"),)
    assert service.live.exists() == (provider == "files")


def test_the_application_refuses_without_a_data_layer(service: AiAdmin) -> None:
    """By a flag that the service with the session never reads."""
    machine.write_env(service.new, USE_LEGACY_SUPABASE="false", USE_DATABASE_AUTH_STATE="true")
    code, log = start_in_vain(service.new, "src/index.js")
    assert code == 1 and "USE_REPOSITORY_PATTERN=true" in log


def test_its_tls_believes_anybody(
    on_rows: AiAdmin, empty_database: dict[str, str], tmp_path: Path
) -> None:
    """POSTGRES_SSL=true: encrypted, to whoever answers."""
    certificates = machine.make_certificates(tmp_path, "DNS:elsewhere.example.org")
    socket = Path(empty_database["host"]) / ".s.PGSQL.5432"
    with machine.tls_front(certificates, socket) as port:
        more = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port), "POSTGRES_SSL": "true"}
        machine.write_env(on_rows.new, **{**settings(empty_database, "postgres"), **more})
        told = in_release(
            on_rows.new,
            "await keys.set({ session: { a: 1 } }); tell(await keys.get('session', ['a']))",
        )
    assert told == {"a": 1}


def test_it_connects_and_the_database_sees_it(
    on_rows: AiAdmin, empty_database: dict[str, str]
) -> None:
    """By the library's own handshake; a message arrives, and rows are written as by any that is well."""
    move(on_rows)
    since = "SELECT count(*) FROM whatsapp_keys WHERE updated_at > %s"
    with (
        connect(empty_database) as conn,
        whatsapp(on_rows.new, on_rows.peer) as there,
        started(on_rows.new, **PM2, **there) as it,
    ):
        now = conn.execute("SELECT clock_timestamp()").fetchone()
        conn.commit()
        it.says(f"✅ WhatsApp connected for company {COMPANY}")
        mail = on_rows.peer / "whatsapp" / "mail" / "A1.json"
        on_rows.talk(on_rows.old, "peer-sends", "--text", "ahoy", "--out", mail)
        it.says(f"📨 Message for company {COMPANY} from 200000090000001@lid: ahoy")
        for _ in range(100):
            written = conn.execute(since, now).fetchone()
            conn.commit()
            if written != (0,):
                break
            time.sleep(0.1)
        total = conn.execute("SELECT count(*) FROM whatsapp_keys").fetchone()
    assert written != (0,) and total == (1313,)


def test_two_processes_fight_for_a_company(on_rows: AiAdmin) -> None:
    """WhatsApp keeps the newer connection, and each of them comes back."""
    move(on_rows)
    with (
        whatsapp(on_rows.new, on_rows.peer) as there,
        started(on_rows.new, **PM2, **there) as first,
    ):
        first.says("WhatsApp connected")
        with started(on_rows.new, **PM2, **there) as second:
            second.says("WhatsApp connected")
            first.says("Stream Errored (conflict)")
            second.says("Stream Errored (conflict)")


def test_a_company_without_credentials_is_offered_a_code(on_rows: AiAdmin) -> None:
    """Which lands in its working directory."""
    exported = {**PM2, "COMPANY_ID": "7"}
    with (
        whatsapp(on_rows.new, on_rows.peer) as there,
        started(on_rows.new, **exported, **there) as it,
    ):
        it.says("📱 QR code for company 7 saved")
        health = it.health()
    assert (health["connected"], health["hasQR"]) == (False, True)
    assert "#ref-0," in (on_rows.new / "qr_7.txt").read_text()
