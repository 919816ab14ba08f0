"""The daily check: what it keeps, what it lets go, and that nothing wrong stays quiet."""

from __future__ import annotations

from typing import Any

from tests.dated import date_back
from tests.spoiled import spoil

from .plans import COMPANY, ROLLOUT
from .set_aside import BACKUP, LIVE, verify
from .world import World


def archives(world: World) -> set[str]:
    """The encrypted files of the rollout."""
    return {path.name for path in (world.place / "archive" / ROLLOUT).glob("*.age")}


def test_archives_past_their_time_go_only_when_nothing_relies_on_them(
    world: World, plan: dict[str, Any]
) -> None:
    """The removal of what is set aside rests on its archive, however old that is."""
    world.hostswitch("archive", plan=plan)
    place = world.place / "archive" / ROLLOUT
    written = {path: path.read_bytes() for path in place.glob("*.manifest.jsonl")}
    for manifest in written:
        date_back(manifest)
    before = archives(world)
    code, result = world.hostswitch("daily-check", plan=plan)
    assert (code, result["pruned"]) == (0, []) and archives(world) == before
    verify(world)
    # A removal knows what was written, whatever digest fits the other.
    code, result = world.hostswitch("remove", plan=plan)
    assert code != 0, result
    for manifest, content in written.items():
        manifest.write_bytes(content)
    assert world.hostswitch("remove", plan=plan)[1]["outcome"] == "removed"
    for manifest in written:
        date_back(manifest)
    world.query("UPDATE whatsapp_auth SET creds = jsonb_set(creds, '{registrationId}', '4712')")
    assert world.hostswitch("daily-check", plan=plan)[1]["pruned"] == [], "paired anew: all it has"
    world.query("UPDATE whatsapp_auth SET creds = jsonb_set(creds, '{registrationId}', '4711')")
    code, result = world.hostswitch("daily-check", plan=plan)
    assert (code, result["outcome"]) == (0, "passed"), result
    # The live one is in the database by its own pairing; nobody can tell whose the backup was.
    assert before - archives(world) == {f"{LIVE}.tar.zst.age"}
    assert f"{BACKUP}.tar.zst.age" in archives(world)


def test_unusual_growth_raises_the_alarm_with_a_code_of_its_own(
    world: World, plan: dict[str, Any]
) -> None:
    """A company that doubles over night is a loop or a leak, long before the disk is full."""
    assert world.hostswitch("daily-check", plan=plan)[1]["recorded"]
    world.query(
        "UPDATE whatsapp_stats SET taken_on = taken_on - 1;"
        "INSERT INTO whatsapp_stats SELECT company_id, taken_on - n, key_type, row_count, byte_count"
        " FROM whatsapp_stats, generate_series(1, 9) n"
    )
    assert world.hostswitch("daily-check", plan=plan)[0] == 0
    world.query(
        f"INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) SELECT '{COMPANY}',"
        " 'session', n || '.0', '{}' FROM generate_series(100000, 100900) n"
    )
    code, result = world.hostswitch("daily-check", plan=plan)
    assert code == 7 and f"company {COMPANY} grew unlike" in result["error"]
    assert f"company {COMPANY} grew unlike" in world.alarm.read_text()
    _, shown = world.hostswitch("status", "--app-dir", str(world.app_dir))
    assert shown["daily_check"]["outcome"] == "failed" and shown["daily_check"]["problems"]
    assert "daily-check" not in [line["event"] for line in shown["history"]]


def test_a_database_that_is_gone_does_not_hide_a_damaged_archive(
    world: World, plan: dict[str, Any]
) -> None:
    """One trouble seldom comes alone; the alarm names each, and nothing is pruned blindly."""
    world.hostswitch("archive", plan=plan)
    archive = world.place / "archive" / ROLLOUT / f"{LIVE}.tar.zst.age"
    spoil(archive)
    gone = {**plan, "database": {**plan["database"], "dbname": "no_such_database"}}
    code, result = world.hostswitch("daily-check", plan=gone)
    assert code == 8 and f"{archive} is damaged" in result["error"]
    assert "no_such_database" in result["error"]
    assert f"{archive} is damaged" in world.alarm.read_text()


def test_a_toggle_since_the_rollout_is_no_alarm(world: World, plan: dict[str, Any]) -> None:
    """A flag is toggled by a switch of its own; the timer's plan is still the rollout's."""
    toggled = {**plan, "flags": {**plan["flags"], "LOG_LEVEL": "debug"}, "rollout_id": "toggle-1"}
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", LOG_LEVEL="debug")
    assert world.hostswitch("switch", plan=toggled)[0] == 0
    assert world.hostswitch("daily-check", plan=plan)[0] == 0
    world.write_env(".env", USE_REPOSITORY_PATTERN="true", LOG_LEVEL="trace")
    world.pm2("restart", "all")
    world.wait_for("postgres")
    code, result = world.hostswitch("daily-check", plan=plan)
    assert code == 8 and "LOG_LEVEL" in result["error"], "an edit by hand is none of ours"
