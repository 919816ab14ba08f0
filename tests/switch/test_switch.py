"""The switch on a real PM2 and a real PostgreSQL: forward, nothing to do, refused, put back."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from hostswitch.base.lock import held

from .outcomes import ON_FILES, ON_POSTGRES, assert_after, assert_before, assert_closed
from .plans import APP, COMPANY, ROLLOUT
from .world import World


def test_a_cut_over_and_a_second_run(world: World) -> None:
    """The whole table at once; the second run must restart nothing."""
    files = world.files()
    code, plan = world.hostswitch("preflight")
    assert code == 2
    assert {change["kind"] for change in plan["changes"]} == {
        "release",
        "flag",
        "cut-over",
        "set-aside",
        "archive",
        "remove",
    }
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (0, "switched")
    assert_after(world, files)
    assert result["companies"][COMPANY] == {
        "keys_before": 12,
        "keys_imported": 12,
        "keys_after": 12,
        "credentials_before": 1,
        "credentials_after": 1,
    }
    assert 0 < result["seconds_without_service"] < 20
    assert result["not_checked"] == ["connected to WhatsApp"]
    pid = world.process()["pid"]
    assert world.hostswitch("preflight")[0] == 0
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (0, "nothing to do")
    assert world.process()["pid"] == pid
    assert (world.pm2_home / "dump.pm2").stat().st_mode & 0o077 == 0
    assert not (world.pm2_home / "dump.pm2.bak").exists()


def test_a_reboot_after_it_brings_the_new_version_back(world: World) -> None:
    files = world.files()
    assert world.hostswitch("switch")[0] == 0
    world.power_cut()
    assert world.boot()[1]["outcome"] == "nothing to do"
    assert_after(world, files)


def test_a_flags_only_switch_asks_no_files_and_cures_a_shadow(world: World) -> None:
    """dotenv never overrides what PM2 exported once: an edited .env alone changes nothing."""
    assert world.hostswitch("switch")[0] == 0
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", LOG_LEVEL="debug")
    world.pm2_environment(LOG_LEVEL="info")
    flags = {**world.plan()["flags"], "LOG_LEVEL": "debug"}
    plan = world.plan(flags=flags, rollout_id="20261123T140000Z-flag")
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (0, "switched")
    assert result["flags"] == [{"name": "LOG_LEVEL", "from": "info", "to": "debug"}]
    assert world.seen_flags() == {"LOG_LEVEL": "debug"}
    assert any("shadows" in change for change in result["changes"])


def unknown_file(world: World) -> None:
    (world.company / "notes.txt").write_text("x")


def symlink_out(world: World) -> None:
    (world.company / "session-1.0.json").symlink_to("/etc/passwd")


def torn_creds(world: World) -> None:
    (world.company / "creds.json").write_text('{"me":')


def undeclared_company(world: World) -> None:
    (world.live / "company_111").mkdir()
    (world.live / "company_111" / "creds.json").write_text(
        (world.company / "creds.json").read_text()
    )


def other_baileys(world: World) -> None:
    lock = {"packages": {"node_modules/@whiskeysockets/baileys": {"version": "6.17.16"}}}
    (world.release / "package-lock.json").write_text(json.dumps(lock))


def syntax_error(world: World) -> None:
    (world.release / "src" / "server.js").write_text("const = 1")


def no_next_env(world: World) -> None:
    (world.app_dir / ".env.next").unlink()


def both_providers(world: World) -> None:
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", USE_LEGACY_SUPABASE="true")


def rows_of_unknown_origin(world: World) -> None:
    world.query("ALTER TABLE whatsapp_keys DROP CONSTRAINT IF EXISTS whatsapp_keys_company")
    world.query(
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) "
        f"VALUES ('{COMPANY}', 'pre-key', '1', '{{}}')"
    )


def unset_provider(world: World) -> None:
    path = world.app_dir / ".env"
    path.write_text(path.read_text().replace("USE_LEGACY_SUPABASE=false\n", ""))
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)


def more_settings(world: World) -> None:
    for name in (".env.production", ".env.test", ".env.bak"):
        (world.app_dir / name).write_text("COMPANY_ID=7\n")
    (world.release / ".env.test").touch()


def runs_elsewhere(world: World) -> None:
    elsewhere = world.place / "elsewhere"
    shutil.copytree(world.app_dir, elsewhere, symlinks=True)
    world.pm2("delete", APP)
    script = str(elsewhere / "src" / "server.js")
    world.pm2("start", script, "--name", APP, "--cwd", str(elsewhere))
    world.wait_for(ON_FILES)


def no_tables(world: World) -> None:
    world.query("DROP TABLE whatsapp_import_files, whatsapp_imports")


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (unknown_file, "notes.txt"),
        (symlink_out, "session-1.0.json"),
        (torn_creds, "creds.json"),
        (undeclared_company, "company 111"),
        (other_baileys, "6.17.16"),
        (syntax_error, "node --check"),
        (no_next_env, ".env.next"),
        (both_providers, "would not start"),
        (rows_of_unknown_origin, "without credentials"),
        (unset_provider, "USE_LEGACY_SUPABASE is unset"),
        (runs_elsewhere, "elsewhere"),
        (more_settings, "app/.env.production)"),
        (no_tables, "whatsapp_imports"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refused_before_the_service_is_touched(
    world: World, harm: Callable[[World], None], named: str
) -> None:
    """What is found out after the stop costs the customers minutes; it must be found before."""
    harm(world)
    process, tree = world.process(), world.tree()
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (3, "refused")
    assert any(named in refusal for refusal in result["refusals"]), result
    assert world.process() == process
    assert world.tree() == tree
    assert not (world.state / "journal.jsonl").exists()


def test_refused_without_space_or_database(world: World) -> None:
    process = world.process()
    assert world.hostswitch("switch", plan=world.plan(minimum_free_mb=1 << 40))[0] == 3
    away = {**world.plan()["database"], "host": "/nonexistent"}
    code, result = world.hostswitch("switch", plan=world.plan(database=away))
    assert code == 3
    assert any("cannot connect" in refusal for refusal in result["refusals"])
    told = world.hostswitch("preflight", plan=world.plan(database=away))[1]["not_checked"]
    assert any("cannot connect" in one and "the switch refuses that" in one for one in told)
    assert world.process() == process


def test_a_database_that_does_not_answer_is_never_nothing_to_do(world: World) -> None:
    """A rollout would end well although nobody could look whether the keys are there."""
    assert world.hostswitch("switch")[0] == 0
    process = world.process()
    world.admin(f'ALTER DATABASE "{world.database}" ALLOW_CONNECTIONS false')
    for command in ("preflight", "switch"):
        code, result = world.hostswitch(command)
        assert (code, result["outcome"]) == (3, "refused")
        assert any("cannot connect" in refusal for refusal in result["refusals"]), result
    other = world.plan(database={**world.plan()["database"], "password": "declared anew"})
    assert world.hostswitch("preflight", plan=other)[0] == 0, "its .env will be staged first"
    world.admin(f'ALTER DATABASE "{world.database}" ALLOW_CONNECTIONS true')
    assert world.hostswitch("preflight")[0] == 0
    assert world.process() == process


def test_a_new_version_that_does_not_start_is_put_back(world: World) -> None:
    """No key moved, the rows equal the record: the way back to the files is still open."""
    files = world.files()
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (4, "put back")
    assert_before(world, files)
    assert world.query("SELECT state FROM whatsapp_imports") == [("withdrawn",)]
    world.power_cut()
    world.boot()
    assert_before(world, files)


def test_once_keys_moved_the_old_version_never_starts_again(world: World) -> None:
    """Started on its files it would set ratchets back."""
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="touch")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (5, "left stopped")
    assert world.status() is None
    assert world.rows() == (1, 11)
    assert "left stopped" in world.alarm.read_text()
    assert_closed(world)
    world.power_cut()
    world.boot()
    assert world.status() is None
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true")
    plan = world.plan(rollout_id="20261123T140000Z-next")
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (0, "switched")
    assert world.status() == {
        "provider": "postgres",
        "credentials": True,
        "keys": 11,
        "connection": "connecting",
    }


@pytest.mark.parametrize(("noise", "code"), [(0, 4), (2000, 0)], ids=["quiet", "noisy"])
def test_more_lines_of_lost_keys_than_before_fail_the_gate(
    world: World, noise: int, code: int
) -> None:
    """A rise tells of ratchets that went back; what a busy service logs on any day does not."""
    (log,) = (world.pm2_home / "logs").glob("*-error.log")
    now = datetime.now(UTC)
    lines = (f"{now - timedelta(seconds=n):%Y-%m-%dT%H:%M:%SZ} Bad MAC" for n in range(noise))
    log.write_text("".join(f"{line}\n" for line in reversed(list(lines))))
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="macs")
    found, result = world.hostswitch("switch")
    assert found == code, result
    if code == 0:
        shown = result["lost_key_lines"]
        assert shown["before"]["lines"] == pytest.approx(2000, abs=200)
        assert shown["after"]["lines"] == 1


def test_a_changed_description_alone_starts_the_service_again(world: World) -> None:
    """PM2 keeps how it started an app: a longer kill_timeout in the file alone protects no key."""
    assert world.hostswitch("switch")[0] == 0
    plan = world.plan(kill_timeout_ms=6000, rollout_id="20261123T140000Z-kill")
    code, shown = world.hostswitch("preflight", plan=plan)
    sentence = f"restart: PM2 runs {APP} with kill_timeout 5000, declared is 6000"
    assert (code, shown["changes"]) == (2, [{"kind": "ecosystem", "sentence": sentence}])
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (0, "switched")
    assert world.hostswitch("preflight", plan=plan)[0] == 0


def test_what_changed_after_it_was_judged_is_not_swapped_in(world: World) -> None:
    """Nobody has looked at it: it might lead the service to other keys."""
    files = world.files()
    staged = world.app_dir / ".env.next"
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", DRILL_EDIT=str(staged))
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (4, "put back")
    assert f"{staged} changed after it was judged" in result["error"]
    assert_before(world, files)


def test_a_second_switch_is_told_who_is_at_work(world: World) -> None:
    """Two switches at once would start the service twice: the second socket ends the first."""
    process = world.process()
    world.state.mkdir(mode=0o700, exist_ok=True)
    with held(world.state / "lock", "ada", "switch one"):
        code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (6, "locked")
    for part in ("switch one by ada since 20", "run this again", "baileys-hostswitch status"):
        assert part in result["error"]
    assert world.process() == process


def test_a_later_version_that_fails_is_put_back_to_the_one_before(world: World) -> None:
    """Without a cut-over the version before runs on the same database."""
    assert world.hostswitch("switch")[0] == 0
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", DRILL="fail")
    code, result = world.hostswitch("switch", plan=world.plan(rollout_id="20261123T140000Z-bad"))
    assert (code, result["outcome"]) == (4, "put back")
    world.wait_for(ON_POSTGRES)
    assert "DRILL" not in (world.app_dir / ".env").read_text()
    assert_closed(world)


def test_a_stop_that_tears_credentials_leaves_the_service_stopped(world: World) -> None:
    """Started on a torn creds.json the old version would make a new identity."""
    files = world.files()
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", DRILL_TEAR="1")
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (5, "left stopped")
    assert world.status() is None
    assert "creds.json" in world.alarm.read_text()
    assert world.hostswitch("resume")[0] == 5
    assert world.status() is None
    copy = world.state / "copies" / ROLLOUT / "baileys_sessions" / f"company_{COMPANY}"
    (world.company / "creds.json").write_text((copy / "creds.json").read_text())
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (4, "put back")
    world.wait_for(ON_FILES)
    assert world.files() == files
    assert_closed(world)


def test_a_controller_that_hangs_up_changes_nothing(world: World) -> None:
    """The pipe to the controller is closed as soon as the plan was read."""
    files = world.files()
    world.hostswitch_unheard("switch")
    assert_after(world, files)
    code, shown = world.hostswitch("status", "--app-dir", str(world.app_dir))
    assert code == 0
    assert shown["history"][-1]["outcome"] == "switched"
    assert [item["name"] for item in shown["set_aside"]] == [
        "baileys_sessions",
        "baileys_sessions_backup",
    ]


def test_misfiled_rows_are_named_as_the_cause(world: World) -> None:
    """Keys that an importer filed under wrong names explain why so many are not found."""
    creds = world.files()["creds.json"]
    world.query(f"INSERT INTO whatsapp_auth VALUES ('{COMPANY}', $creds${creds}$creds$)")
    world.query(f"INSERT INTO whatsapp_keys VALUES ('{COMPANY}', 'pre', 'key-1', '1')")
    code, result = world.hostswitch("preflight")
    assert code == 3
    named = f"1 rows of company {COMPANY} are misfiled"
    assert any(named in refusal for refusal in result["refusals"]), result["refusals"]
    assert world.status() is not None, "the service runs on"


def run_otherwise(world: World) -> list[str]:
    """The service by an ecosystem file of its own, as services are in the wild; what is unlike ours."""
    entry = {
        "name": APP,
        "script": str(world.app_dir / "src" / "server.js"),
        "cwd": str(world.app_dir),
        "args": "--bot token-of-nobody",
        "cron_restart": "0 4 1 1 *",
        "autorestart": False,
        "max_memory_restart": "900M",
        "out_file": "logs/out.log",
        "env": {"COMPANY_ID": COMPANY, "NODE_ENV": "production", "BOT": "token-of-nobody"},
    }
    own = world.app_dir / "own.config.js"
    own.write_text(f"module.exports = {{ apps: [{json.dumps(entry)}] }}")
    world.pm2("delete", APP)
    world.pm2("start", str(own), environment={"SSH_TTY": "/dev/pts/0", "SHLVL": "1", "TZ": "UTC"})
    world.pm2("save")
    world.wait_for(ON_FILES)
    settings = ["args", "autorestart", "cron_restart", "max_memory_restart", "out_file"]
    return ["BOT", "COMPANY_ID", "NODE_ENV", "TZ", *settings]


@pytest.mark.parametrize("stopped", [False, True])
def test_what_pm2_gives_the_service_is_not_lost_unseen(world: World, stopped: bool) -> None:
    """Without its COMPANY_ID another company was started, and made an identity."""
    lost = run_otherwise(world)
    gate = {**world.plan()["gate"], "before": "not checked"}
    if stopped:
        # Not in its list either: the dump tells what a boot would start.
        world.power_cut()
        world.power_on()
    world.connected()
    process = None if stopped else world.process()
    for command in ("preflight", "switch"):
        code, result = world.hostswitch(command, plan=world.plan(gate=gate))
        assert (code, result["outcome"]) == (3, "refused")
        (refusal,) = result["refusals"]
        assert f"pm2_dropped: {json.dumps(lost)}" in refusal
        assert "token-of-nobody" not in json.dumps(result)
    assert process is None or world.process() == process
    assert world.status() is None if stopped else world.status()
    kept = {"COMPANY_ID": COMPANY, "NODE_ENV": "production"}
    dropped = [name for name in lost if name not in kept]
    plan = world.plan(gate=gate, pm2_environment=kept, pm2_dropped=dropped)
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (0, "switched"), result
    (app,) = json.loads(world.pm2("jlist"))
    given = app["pm2_env"]["env"]
    assert {name: given.get(name) for name in ("COMPANY_ID", "NODE_ENV", "BOT", "TZ")} == {
        **kept,
        "BOT": None,
        "TZ": None,
    }
    assert world.hostswitch("preflight", plan=plan)[0] == 0
    other = {**plan, "pm2_environment": {**kept, "NODE_ENV": "staging"}}
    code, result = world.hostswitch("preflight", plan=other)
    assert [one["kind"] for one in result["changes"]] == ["ecosystem"], result


def test_a_service_outside_the_gates_form_is_known_before_the_stop(world: World) -> None:
    """Found out after *active* it would leave the service stopped."""
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", DRILL_FORM="another")
    world.pm2("restart", APP)
    end = time.monotonic() + 10
    while world.answer() != {"status": "connected"}:
        assert time.monotonic() < end
        time.sleep(0.05)
    process, tree = world.process(), world.tree()
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (3, "refused")
    (refusal,) = result["refusals"]
    assert f"company {COMPANY}: it is not what runs" in refusal
    assert "gate_before: not checked" in refusal
    assert (world.process(), world.tree()) == (process, tree)
    gate = {**world.plan()["gate"], "before": "not checked"}
    code, result = world.hostswitch("preflight", plan=world.plan(gate=gate))
    (refusal,) = result["refusals"]
    assert f"no file of company {COMPANY} since it was started" in refusal
    world.connected()
    code, result = world.hostswitch("switch", plan=world.plan(gate=gate))
    assert (code, result["outcome"]) == (0, "switched"), result
