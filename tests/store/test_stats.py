"""Figures of each company from a real database, and what deletes keys in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sessionstore.commands import stats as figures
from sessionstore.database import deleters
from sessionstore.database.connection import Connection, connect
from sessionstore.errors import DatabaseProblem
from sessionstore.inspection import figures as stats
from sessionstore.inspection.growth import NOT_KNOWN, UNUSUAL, USUAL
from sessionstore.migrations.plan import load
from sessionstore.migrations.runner import Runner

from .commands import run
from .conftest import MIGRATIONS
from .service_tables import ORIGINAL


def company(conn: Connection, company_id: str, pre_keys: int) -> None:
    """One company with credentials, a session and some pre-keys."""
    conn.execute(
        "INSERT INTO whatsapp_auth VALUES (%s, '{\"firstUnuploadedPreKeyId\": 31}')", [company_id]
    )
    conn.execute(
        "INSERT INTO whatsapp_keys SELECT %s, 'pre-key', n::text, '{\"public\": 1}'"
        " FROM generate_series(1, %s) n",
        [company_id, pre_keys],
    )
    conn.execute(
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, updated_at)"
        " VALUES (%s, 'session', '1.0', '{}', '2026-01-01Z')",
        [company_id],
    )


def pretend(conn: Connection, company_id: str, days: int, rows: int) -> None:
    """A history of snapshots, one a day until yesterday."""
    conn.execute(
        "INSERT INTO whatsapp_stats SELECT %s, (now() AT TIME ZONE 'UTC')::date - n,"
        " 'pre-key', %s, %s FROM generate_series(1, %s) n",
        [company_id, rows, rows * 32, days],
    )


def test_what_is_there_is_measured(conn: Connection) -> None:
    """Rows and bytes by type, unused and uploaded pre-keys, the row that rested longest."""
    company(conn, "1", 40)
    conn.execute("UPDATE whatsapp_keys SET expires_at = now() - interval '1 h' WHERE key_id = '7'")
    conn.execute("UPDATE whatsapp_keys SET expires_at = now() + interval '1 h' WHERE key_id = '8'")
    (one,) = stats.measure(conn)
    assert [(t.key_type, t.rows) for t in one.types] == [
        ("credentials", 1),
        ("pre-key", 40),
        ("session", 1),
    ]
    assert (one.rows, one.unused_pre_keys, one.uploaded_pre_keys) == (42, 40, 30)
    assert one.bytes > 40 * len("1pre-key")
    assert one.oldest_update == datetime(2026, 1, 1, tzinfo=UTC)
    assert (one.with_expiry, one.expired) == (2, 1)
    assert one.growth.verdict == NOT_KNOWN and one.types[1].grown_rows is None


def test_growth_is_told_from_snapshots_of_the_company_itself(conn: Connection) -> None:
    """One as ever, one that leapt, one that is gone altogether."""
    for company_id, before in (("1", 42), ("2", 42), ("3", 500)):
        if company_id != "3":
            company(conn, company_id, 40 if company_id == "1" else 4000)
        pretend(conn, company_id, 12, before)
    found = {one.company_id: one for one in stats.measure(conn)}
    assert {name: one.growth.verdict for name, one in found.items()} == {
        "1": USUAL,
        "2": UNUSUAL,
        "3": UNUSUAL,
    }
    assert (found["3"].rows, found["3"].growth.rows) == (0, -500)
    assert found["2"].types[1].grown_rows == 4000 - 42


def test_a_day_is_recorded_once_and_a_lost_company_is_not_told_for_ever(conn: Connection) -> None:
    """The first figures of a day stay; zero is recorded as zero."""
    company(conn, "1", 5)
    pretend(conn, "2", 3, 10)
    assert stats.record(conn, stats.measure(conn))
    conn.execute("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key'")
    assert not stats.record(conn, stats.measure(conn)[:1])
    kept = conn.execute(
        "SELECT company_id, key_type, row_count FROM whatsapp_stats"
        " WHERE taken_on = (now() AT TIME ZONE 'UTC')::date ORDER BY 1, 2"
    ).fetchall()
    assert kept == [
        ("1", "credentials", 1),
        ("1", "pre-key", 5),
        ("1", "session", 1),
        ("2", "pre-key", 0),
    ]
    conn.execute("DELETE FROM whatsapp_stats WHERE taken_on < (now() AT TIME ZONE 'UTC')::date")
    conn.execute("UPDATE whatsapp_stats SET taken_on = taken_on - 1")
    assert [one.company_id for one in stats.measure(conn)] == ["1"]


def test_old_snapshots_go(conn: Connection) -> None:
    """The table must not become the growth that it watches."""
    pretend(conn, "1", 500, 10)
    company(conn, "1", 5)
    stats.record(conn, stats.measure(conn))
    oldest = conn.execute("SELECT min(taken_on) FROM whatsapp_stats").fetchone()
    assert oldest is not None
    assert oldest[0] == datetime.now(UTC).date() - timedelta(days=400)


def test_before_the_table_is_there_growth_is_not_known(empty_database: dict[str, str]) -> None:
    """And recording says what to do."""
    with connect(empty_database) as conn:
        Runner(conn, load(MIGRATIONS)[:4]).deploy()
        company(conn, "1", 5)
        found = stats.measure(conn)
        assert found[0].growth.verdict == NOT_KNOWN
        with pytest.raises(DatabaseProblem, match="whatsapp_stats"):
            stats.record(conn, found)


def test_the_services_own_clean_up_is_found_and_what_runs_it(
    empty_database: dict[str, str],
) -> None:
    """A trigger, another function, or nothing inside the database."""
    with connect(empty_database) as conn:
        conn.execute(ORIGINAL.encode())
        (alone,) = deleters.deleters(conn)
        assert alone.name == "public.cleanup_expired_whatsapp_keys()"
        assert alone.runs.startswith("nothing in this database")
        conn.execute(
            """
            CREATE FUNCTION nightly() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM cleanup_expired_whatsapp_keys(); RETURN NULL; END $$;
            CREATE TRIGGER sweep AFTER INSERT ON whatsapp_auth
                FOR EACH STATEMENT EXECUTE FUNCTION nightly();
            CREATE FUNCTION harmless() RETURNS bigint LANGUAGE sql AS
                $$ SELECT count(*) FROM whatsapp_keys $$;
            """
        )
        found = {one.name: one.runs for one in deleters.deleters(conn)}
        assert found == {
            "public.cleanup_expired_whatsapp_keys()": "nightly()",
            "public.nightly()": "trigger sweep on whatsapp_auth",
        }


def test_pg_crons_jobs_are_found(empty_database: dict[str, str]) -> None:
    """The extension's table, as managed databases have it."""
    with connect(empty_database) as conn:
        conn.execute(ORIGINAL.encode())
        conn.execute(
            """
            CREATE SCHEMA cron;
            CREATE TABLE cron.job (jobid bigint, schedule text, command text, jobname text,
                                   active boolean);
            INSERT INTO cron.job VALUES
                (1, '0 3 * * *', 'SELECT cleanup_expired_whatsapp_keys()', 'clean', true),
                (2, '0 4 * * *', 'DELETE FROM whatsapp_keys WHERE false', NULL, true),
                (3, '0 5 * * *', 'TRUNCATE whatsapp_keys', 'off', false);
            """
        )
        assert [(one.name, one.runs) for one in deleters.deleters(conn)] == [
            ("public.cleanup_expired_whatsapp_keys()", "cron job clean (0 3 * * *)"),
            ("cron job 2", "on its schedule 0 4 * * *"),
        ]


def test_the_command(database: dict[str, str], conn: Connection) -> None:
    """JSON lines or a table, and an exit code of its own for unusual growth."""
    company(conn, "1", 40)
    plan = {"database": database}
    code, events, _ = run("stats", "--record", "--plan", "-", plan=plan)
    assert code == 0
    assert [event["event"] for event in events] == [*["type"] * 3, "company", "result"]
    assert events[-1]["outcome"] == "growth not known" and events[-1]["recorded"] is True
    conn.execute("DELETE FROM whatsapp_stats")
    pretend(conn, "1", 12, 4000)
    code, events, _ = run("stats", "--plan", "-", plan=plan)
    assert (code, events[-1]["outcome"]) == (7, "growth unusual")
    assert events[-1]["unusual"][0].startswith("1: -3,958 rows a day")


def test_the_table_is_safe_and_fits(conn: Connection) -> None:
    """What stands in a row must neither move a cursor nor break the columns."""
    strange = "\x1b[31m" + "wide " * 30
    company(conn, strange, 1)
    conn.execute("UPDATE whatsapp_keys SET key_type = key_type || E'\\x1b[2J\\n-much-too-long'")
    pretend(conn, strange, 3, 999_999_999)
    lines = figures._table(stats.measure(conn), deleters.deleters(conn))
    assert all(line.isprintable() and len(line.rstrip()) <= 80 for line in lines)
    assert any(line.split()[:3] == ["pre-key", "0", "-999,999,999"] for line in lines)
    assert lines[-1] == "deletes keys: nothing in this database"
