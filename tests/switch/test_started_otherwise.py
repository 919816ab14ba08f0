"""A service that nobody here wrote, and that runs in another way than a switch would start it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from .outcomes import ON_FILES, ON_POSTGRES
from .plans import APP
from .world import World

Described = dict[str, Any]


def in_a_folder(world: World) -> Described:
    """What it opens by a relative path, its .env too, lies there."""
    folder = world.app_dir / "src"
    shutil.copy(world.app_dir / "package-lock.json", folder)
    for name in (".env", "baileys_sessions"):
        (folder / name).symlink_to(f"../{name}")
    return {"cwd": str(folder)}


def by_another_script(world: World) -> Described:
    shutil.copytree(world.app_dir / "src", world.app_dir / "bin")
    return {"script": "bin/server.js"}


def by_another_node(world: World) -> Described:
    """As nvm does it: the PATH of a login, which counts as nobody's."""
    folder = world.place / "nvm"
    folder.mkdir()
    shutil.copy(os.path.realpath(str(shutil.which("node"))), folder / "node")
    return {"env": {"PATH": f"{folder}:{world.search_path}"}}


def by_a_link(world: World) -> Described:
    """The same directory by another name: nothing to refuse."""
    link = world.place / "link"
    link.symlink_to(world.app_dir)
    return {"cwd": str(link)}


def with_a_setting(**described: Any) -> Callable[[World], Described]:
    return lambda _: described


def start(world: World, **described: Any) -> None:
    """Start the old version anew, as such a description says."""
    app = {"name": APP, "script": "src/server.js", "cwd": str(world.app_dir), **described}
    app["script"] = str(world.app_dir / app["script"])
    own = world.place / "own.config.js"
    own.write_text(f"module.exports = {{ apps: [{json.dumps(app)}] }}")
    world.pm2("delete", APP)
    world.pm2("start", str(own))
    world.pm2("save")
    world.wait_for(ON_FILES)


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("cwd", in_a_folder),
        ("script", by_another_script),
        ("exec_interpreter", by_another_node),
        ("kill_timeout", with_a_setting(kill_timeout=60000)),
        ("max_restarts", with_a_setting(max_restarts=1000)),
        ("instance_var", with_a_setting(instance_var="WORKER")),
        ("pid_file", with_a_setting(pid_file="/tmp/of-a-monitor.pid")),
        ("pmx", with_a_setting(pmx=False)),
        (None, by_a_link),
    ],
)
def test_a_start_in_another_way_is_refused_until_it_is_declared(
    world: World, name: str | None, described: Callable[[World], Described]
) -> None:
    """Each went through: another program, directory or Node.js ran than the one that was judged."""
    start(world, **described(world))
    code, result = world.hostswitch("preflight")
    if name is None:
        assert (code, result["refusals"]) == (2, [])
        return
    assert (code, result["outcome"]) == (3, "refused"), result
    (refusal,) = result["refusals"]
    assert f"settings {name} " in refusal
    declared = re.search(r"pm2_dropped: (\[.*?\])", refusal)
    assert declared is not None
    process = world.process()
    assert world.hostswitch("switch")[0] == 3 and world.process() == process
    code, result = world.hostswitch("switch", plan=world.plan(pm2_dropped=json.loads(declared[1])))
    assert (code, result["outcome"]) == (0, "switched"), result
    assert world.hostswitch("preflight")[0] == 0


def test_where_only_the_working_directory_is_elsewhere_the_remedy_says_so(world: World) -> None:
    """It told to move app_dir there, where no code is."""
    where = world.place / "elsewhere"
    where.mkdir()
    for name in (".env", "baileys_sessions"):
        (where / name).symlink_to(world.app_dir / name)
    start(world, cwd=str(where))
    refusals = world.hostswitch("preflight")[1]["refusals"]
    (refusal,) = [one for one in refusals if "does not run in the application directory" in one]
    assert "Set app_dir" not in refusal and f"start it with cwd: {world.app_dir}" in refusal


def test_a_plan_says_that_the_process_may_have_read_something_else(world: World) -> None:
    """It read .env when it started; what was written since says nothing of it."""

    def told() -> bool:
        shown = world.hostswitch("preflight")[1]["not_checked"]
        return any(".env was changed since it started" in one for one in shown)

    assert not told()
    world.write_env(".env", USE_REPOSITORY_PATTERN="false", COMPANY_ID="7")
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", COMPANY_ID="7")
    assert told()
    world.pm2("restart", APP, "--update-env", environment={"COMPANY_ID": "7"})
    world.wait_for(ON_FILES)
    assert not told()
    assert "COMPANY_ID: PM2 exports" in world.hostswitch("preflight")[1]["not_checked"][0]
    assert world.hostswitch("switch")[0] == 0 and not told()


def test_a_service_on_another_database_is_moved_only_once_it_is_stopped(world: World) -> None:
    assert world.hostswitch("switch")[0] == 0
    link = world.place / "socket"
    link.symlink_to(world.server)
    world.write_env(".env", USE_REPOSITORY_PATTERN="true", POSTGRES_HOST=str(link))
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true")
    assert world.hostswitch("preflight")[0] == 2, "the same one by another name"
    world.write_env(".env", USE_REPOSITORY_PATTERN="true", POSTGRES_DATABASE="other")
    code, result = world.hostswitch("switch")
    assert code == 3 and "keeps its keys in another database" in result["refusals"][0]
    world.pm2("stop", APP)
    assert world.hostswitch("switch")[1]["outcome"] == "switched"


def bot(world: World, name: str = "bot") -> None:
    """An app of somebody else beside the service, saved."""
    script = world.place / "bot.js"
    script.write_text("setInterval(() => {}, 1000)\n")
    world.pm2("start", str(script), "--name", name, "--cwd", str(world.place))
    world.pm2("save")


def saved(world: World) -> dict[str, str]:
    """What a boot brings back, and how."""
    apps = json.loads((world.pm2_home / "dump.pm2").read_text())
    return {app["name"]: app["status"] for app in apps}


def runs(world: World) -> dict[str, str]:
    return {app["name"]: app["pm2_env"]["status"] for app in json.loads(world.pm2("jlist"))}


def test_a_sibling_that_does_not_run_now_is_brought_back_by_a_boot_as_before(world: World) -> None:
    """PM2's daemon was killed: what `pm2 save` wrote then was the end of every sibling."""
    bot(world)
    world.power_cut()
    world.power_on()
    before = saved(world)
    gate = {**world.plan()["gate"], "before": "not checked"}
    assert world.hostswitch("switch", plan=world.plan(gate=gate))[0] == 0
    assert saved(world) == before == {APP: "online", "bot": "online"}


@pytest.mark.parametrize("fails", [False, True])
def test_a_sibling_is_left_as_it_is(world: World, fails: bool) -> None:
    """Deleted or stopped by hand, it is neither started by a put back nor saved otherwise."""
    for name in ("bot", "two"):
        bot(world, name)
    world.pm2("delete", "two")
    world.pm2("stop", "bot")
    before = saved(world)
    drill = {"DRILL": "fail"} if fails else {}
    world.write_env(".env.next", USE_REPOSITORY_PATTERN="true", **drill)
    assert world.hostswitch("switch")[1]["outcome"] == ("put back" if fails else "switched")
    world.wait_for(ON_FILES if fails else ON_POSTGRES)
    assert runs(world) == {APP: "online", "bot": "stopped"}
    assert saved(world) == before


def test_a_module_of_pm2_below_the_application_is_no_stranger(world: World) -> None:
    """Where the user's home is the application directory; it was to be ended, or declared."""
    home = world.app_dir / "pm2"
    module = home / "modules" / "pm2-logrotate"
    module.mkdir(parents=True)
    script = "process.chdir(process.argv[1]); setInterval(() => {}, 1000); console.log()"
    inside = [*world.machine.inside(), "node", "-e", script, str(module)]
    # It ends with the machine.
    running = subprocess.Popen(inside, stdout=subprocess.PIPE)
    assert running.stdout and running.stdout.readline()
    for named, why in ((world.pm2_home, "runs here outside"), (home, "")):
        result = world.hostswitch("preflight", plan=world.plan(pm2_home=str(named)))[1]
        found = [one for one in result["details"] if one["where"] == str(module)]
        assert [why in one["what"] for one in found] == ([True] if why else [])


@pytest.mark.parametrize("name", ["baileys service", "baileys,service"])
def test_a_name_of_several_words_is_one_app(world: World, name: str) -> None:
    """PM2 took it for two, and nothing was started after the stop."""
    world.pm2("delete", APP)
    world.pm2(
        "start", str(world.app_dir / "src/server.js"), "--name", name, "--cwd", str(world.app_dir)
    )
    world.wait_for(ON_FILES)
    plan = world.plan(service_app=name, pm2_apps={name: "src/server.js"})
    code, result = world.hostswitch("switch", plan=plan)
    assert (code, result["outcome"]) == (0, "switched"), result
    world.wait_for(ON_POSTGRES)
