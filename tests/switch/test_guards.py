"""What stops a switch, or a put back, at the instant after which keys would be lost."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hostswitch.base import processes
from hostswitch.base.errors import StepFailedError
from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.switch import stop
from tests.store.proxy import Proxy

from .outcomes import ON_FILES, ON_POSTGRES, assert_before
from .plans import APP, COMPANY
from .session_files import write_sessions
from .world import World

OTHER = "962303"


def at_stop(world: World, command: str, **settings: str) -> None:
    """Have the old version do something when it is told to end."""
    quoted = "'" if "'" not in command else "`"
    values = {"USE_REPOSITORY_PATTERN": "false", "DRILL_AT_STOP": f"{quoted}{command}{quoted}"}
    world.write_env(".env", **values, **settings)
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)


def put_back_because(world: World, why: str, **changes: object) -> None:
    files = world.files()
    code, result = world.hostswitch("switch", plan=world.plan(**changes))
    assert (code, result["outcome"]) == (4, "put back"), result
    assert why in result["error"]
    assert_before(world, files)


def test_a_process_that_survives_the_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may write session files that were imported already. PM2 itself can't be made to miss one."""
    monkeypatch.setattr(stop, "_KILL_GRACE", 0.1)
    plan = {**world.plan(kill_timeout_ms=0)}
    plan["gate"]["status_url"] = "http://127.0.0.1:1/status"
    host = Host(load(json.dumps(plan)), Places(world.state, world.run_dir))
    with subprocess.Popen(["sleep", "60"]) as left:
        running = processes.tree({left.pid})
        with pytest.raises(StepFailedError, match=f"run on: {left.pid}"):
            stop._demand_gone(host, running)
        left.kill()
    stop._demand_gone(host, running)


def refused_because(world: World, why: str, **changes: object) -> None:
    """By preflight too, and the service goes on."""
    process = world.process()
    for command in ("preflight", "switch"):
        code, result = world.hostswitch(command, plan=world.plan(**changes))
        assert (code, result["outcome"]) == (3, "refused"), result
        (refusal,) = result["refusals"]
        assert why in refusal
    assert world.process() == process


def test_a_process_that_holds_the_directory(world: World) -> None:
    """Whoever has a file open may write to it after it was imported."""
    held = str(world.company / "creds.json")
    holding = subprocess.Popen(
        [*world.machine.inside(), "tail", "-f", held], stdout=subprocess.DEVNULL
    )
    try:
        refused_because(world, "(tail) holds session files")
    finally:
        holding.kill()
        holding.wait()


def test_a_process_that_comes_to_hold_the_directory(world: World) -> None:
    at_stop(world, f"tail -f {world.company}/creds.json > /dev/null 2>&1 &")
    put_back_because(world, "(tail) holds")


@contextmanager
def another_copy(world: World, **said: object) -> Iterator[str]:
    """A status endpoint that answers as the service does, and goes on when that has ended."""
    last = json.dumps({**said, "companies": {COMPANY: world.status()}}).encode()

    class Copy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(last)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Copy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/status"
        server.shutdown()


def test_another_copy_that_answers(world: World) -> None:
    """Two sockets on one account fight, and the other one writes the files that are imported."""
    with another_copy(world) as url:
        gate = {**world.plan()["gate"], "status_url": url}
        put_back_because(world, "another copy of it runs outside PM2", gate=gate)


def test_another_copy_that_says_who_it_is(world: World) -> None:
    with another_copy(world, pid=1) as url:
        gate = {**world.plan()["gate"], "status_url": url}
        refused_because(world, "process 1 answers there", gate=gate)


REGRESSED = """
const fs = require("fs"), path = process.argv[1], creds = JSON.parse(fs.readFileSync(path))
creds.nextPreKeyId = 3
creds.accountSyncCounter = 0
fs.writeFileSync(path, JSON.stringify(creds))
"""


@pytest.mark.parametrize("harm", ["regressed", "of another", "gone"])
def test_credentials_that_the_stop_set_back(world: World, harm: str) -> None:
    """Whole JSON, and yet a version that starts on it would use keys twice, or be nobody."""
    creds, script = world.company / "creds.json", world.place / "harm.js"
    script.write_text(REGRESSED.replace("process.argv[1]", f'"{creds}"'))
    if harm == "of another":
        script.write_text(
            f'const fs = require("fs"), path = "{creds}"\n'
            "const creds = JSON.parse(fs.readFileSync(path))\n"
            "creds.signedIdentityKey.public.data = creds.noiseKey.public.data\n"
            "fs.writeFileSync(path, JSON.stringify(creds))\n"
        )
    kept = creds.read_text()
    at_stop(world, f"rm {creds}" if harm == "gone" else f"node {script}")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (5, "left stopped"), result
    assert world.status() is None
    assert "credentials" in result["error"] and result["error"] == world.alarm.read_text()
    creds.write_text(kept)
    assert world.hostswitch("resume")[1]["outcome"] == "put back"
    world.wait_for(ON_FILES)


def test_files_are_accounted_for_again_at_the_frozen_instant(world: World) -> None:
    """What the service wrote since row 0 looked is in no table."""
    assert world.hostswitch("switch")[0] == 0
    write_sessions(world.company)
    late = world.company / "session-15550009999_1.0.json"
    world.write_env(
        ".env.next",
        USE_REPOSITORY_PATTERN="true",
        DRILL_AT_STOP=f"'echo {{}} > {late}'",
    )
    # The version that runs is the one that does it.
    (world.app_dir / ".env.next").rename(world.app_dir / ".env")
    world.pm2("restart", APP)
    world.wait_for(ON_POSTGRES)
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", LOG_LEVEL="debug")
    plan = world.plan(rollout_id="20261123T140000Z-next")
    plan["flags"]["LOG_LEVEL"] = "debug"
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (4, "put back"), result
    assert "is not" in result["error"] and "baileys_sessions" in result["error"]
    assert late.exists()


@pytest.mark.parametrize("name", [".env", ".env.previous"])
def test_what_was_judged_is_judged_again_after_the_stop(world: World, name: str) -> None:
    """Nobody has looked at it: the next version, or the way back, would be another one."""
    path = world.app_dir / name
    at_stop(world, f"echo >> {path}")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (4, "put back"), result
    assert "changed after it was judged" in result["error"]
    world.wait_for(ON_FILES)
    assert world.rows() == (0, 0) and not (world.app_dir / "current").exists()


def two_companies(world: World) -> dict[str, object]:
    """A host with a second company, of another pairing; gives the plan of both."""
    write_sessions(world.live / f"company_{OTHER}")
    creds = world.live / f"company_{OTHER}" / "creds.json"
    shown = json.loads(creds.read_text())
    shown["signedIdentityKey"] = shown["noiseKey"]
    shown["me"]["id"] = "15550002222:7@s.whatsapp.net"
    shown["registrationId"] = 4712
    creds.write_text(json.dumps(shown))
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", COMPANIES=f"{COMPANY},{OTHER}")
    world.pm2("restart", APP)
    world.wait_for(ON_FILES)
    return world.plan(companies=[COMPANY, OTHER])


def following(world: World, **settings: str) -> None:
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **settings)


@pytest.mark.parametrize("first", [True, False])
def test_of_several_companies_none_goes_back_when_one_has_moved(world: World, first: bool) -> None:
    """One's rows withdrawn beside the other's kept: no version could run both."""
    plan = two_companies(world)
    moved = COMPANY if first else OTHER
    touch = f"DELETE FROM whatsapp_keys WHERE company_id = '{moved}' AND key_id = '1'"
    following(world, COMPANIES=f"{COMPANY},{OTHER}", DRILL="fail", DRILL_SQL=f'"{touch}"')
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (5, "left stopped"), result
    assert world.rows() == (2, 23)
    assert world.query("SELECT DISTINCT state FROM whatsapp_imports") == [("active",)]
    assert not world.live.exists()


def test_an_active_import_whose_record_was_lost_is_never_withdrawn(world: World) -> None:
    """Without it nobody can tell whether keys moved: the files may be older than the rows."""
    lose = "DELETE FROM whatsapp_import_files; DELETE FROM whatsapp_imports"
    following(world, DRILL="fail", DRILL_SQL=f'"{lose}"')
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (5, "left stopped"), result
    assert "has no record any more" in result["error"]
    assert world.status() is None and world.rows() == (1, 12) and not world.live.exists()


@pytest.mark.parametrize(("fails_at", "outcome"), [(1, "put back"), (2, "switched")])
def test_an_activation_that_fails_half_way_goes_where_the_database_says(
    world: World, fails_at: int, outcome: str
) -> None:
    """Back to files after a commit, rows may be newer; forward before one, nothing is active."""
    files, plan = world.files(), two_companies(world)
    with Proxy({"host": str(world.server)}) as between:
        port = between.settings["port"]
        there = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": port}
        following(world, COMPANIES=f"{COMPANY},{OTHER}", **there)
        by_way = {"host": "127.0.0.1", "port": int(port)}
        plan["database"] = {**world.plan()["database"], **by_way}
        between.cut_at_marker(b"UPDATE whatsapp_imports", fails_at)
        _, result = world.hostswitch("switch", plan=plan)
        assert result["outcome"] == outcome, result
        if outcome == "switched":
            world.wait_for(ON_POSTGRES)
            assert world.query("SELECT DISTINCT state FROM whatsapp_imports") == [("active",)]
        else:
            world.wait_for(ON_FILES)
            assert world.files() == files and world.rows() == (0, 0)


def test_once_the_rows_are_withdrawn_the_switch_stays_open(world: World) -> None:
    """The files are the truth again, and nothing runs: closed, nobody would bring them back."""
    env = (world.app_dir / ".env").read_text()
    copies = f"{world.app_dir}/.env.previous {world.state}/env.before"
    following(world, DRILL="fail", DRILL_AT_START=f"rm -f {copies}")
    code, result = world.hostswitch("switch")
    assert (code, result["outcome"]) == (5, "left stopped"), result
    assert "the import was withdrawn" in result["error"] and world.rows() == (0, 0)
    assert "the import was withdrawn" in world.alarm.read_text()
    assert (world.state / "journal.jsonl").exists()
    (world.app_dir / ".env").write_text(env)
    files = {path.name for path in world.app_dir.glob(".set-aside/*/*")}
    assert world.hostswitch("resume")[1]["outcome"] == "put back"
    assert "baileys_sessions" in files
    assert_before(world, world.files())


def test_a_switch_whose_rows_are_owed_is_not_closed(world: World) -> None:
    """Staged rows would stay for ever, and the next cut-over be refused."""
    files = world.files()
    assert world.hostswitch("switch", die_at="staged:imported")[0] == -9
    world.admin(f'ALTER DATABASE "{world.database}" ALLOW_CONNECTIONS false')
    server = world.app_dir / "src" / "server.js"
    whole = server.read_text()
    server.write_text("throw new Error('drill')\n")
    code, result = world.hostswitch("resume")
    assert (code, result["outcome"]) == (5, "put back, not healthy"), result
    assert "the old version was started, but" in world.alarm.read_text()
    assert (world.state / "journal.jsonl").exists()
    server.write_text(whole)
    world.admin(f'ALTER DATABASE "{world.database}" ALLOW_CONNECTIONS true')
    assert world.hostswitch("resume")[1]["outcome"] == "put back"
    assert_before(world, files)
