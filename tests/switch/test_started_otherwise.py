"""A service that nobody here wrote, and that runs in another way than a switch would start it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .test_switch import ON_FILES, ON_POSTGRES
from .world import APP, World

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


@pytest.mark.parametrize("name", ["baileys service", "baileys,service"])
def test_a_name_of_several_words_is_one_app(world: World, name: str) -> None:
    """PM2 took it for two, and nothing was started after the stop."""
    world.pm2("delete", APP)
    world.pm2(
        "start", str(world.app_dir / "src/server.js"), "--name", name, "--cwd", str(world.app_dir)
    )
    world.wait_for(ON_FILES)
    ecosystem: Path = world.place / "ecosystem.config.js"
    ecosystem.write_text(ecosystem.read_text().replace(APP, name))
    code, result = world.hostswitch("switch", plan=world.plan(service_app=name, pm2_apps=[name]))
    assert (code, result["outcome"]) == (0, "switched"), result
    world.wait_for(ON_POSTGRES)
