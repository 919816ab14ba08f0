"""An app beside the service that holds session data is told from one that does not, by what it loads."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.look.neighbours import _neighbour, refusals
from hostswitch.pm2.app import App
from hostswitch.pm2.ecosystem import to_start
from hostswitch.service.modules import loaded

from .seen import PLAN

POOL = "const load = () => import('@whiskeysockets/baileys')"


@pytest.mark.parametrize(
    ("files", "holds"),
    [
        ({"src/api.js": "require('./pool')", "src/pool.js": POOL}, ["it loads Baileys"]),
        (
            {"src/api.js": "import pool from './pool/index.js'", "src/pool/index.js": POOL},
            ["loads"],
        ),
        ({"src/api.js": "require('./db')", "src/db.js": "`DELETE FROM whatsapp_keys`"}, ["asks"]),
        ({"src/api.js": "db.from('whatsapp_auth')"}, ["asks"]),
        ({"src/api.js": "require('pg'); log('whatsapp_keys are elsewhere')"}, []),
        ({"src/api.js": "require('../../outside')", "src/pool.js": POOL}, []),
        ({"src/api.js": "x" * (2 << 20)}, None),
        ({"src/api.js": "require(path.join(root, 'pool'))"}, None),
        ({"src/api.js": "await import(`./${name}.js`)"}, None),
        ({"src/api.js": "require('./po' + 'ol')"}, None),
        ({"src/api.js": "import pool from '#pool'"}, None),
        ({"src/api.js": "require('@/pool')"}, None),
        ({"src/api.js": "require('pg')", "package.json": "{}"}, []),
        ({}, None),
    ],
)
def test_what_an_app_loads_tells_what_it_holds(
    tmp_path: Path, files: Mapping[str, str], holds: list[str] | None
) -> None:
    """It would write keys while the service is down, or open the account's second socket."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    script = str(tmp_path / "src/api.js")
    host = Host(replace(PLAN, app_dir=str(tmp_path), service_user="root"), Places())
    app = App(
        "api",
        os.getpid(),
        "online",
        0,
        started_as={"pm_exec_path": script, "pm_cwd": str(tmp_path)},
    )
    found = _neighbour(host, app)
    assert found.script == "src/api.js"
    if holds is None:
        assert found.holds is None
        return
    assert found.holds is not None and len(found.holds) == len(holds)
    assert all(part in one for part, one in zip(holds, found.holds, strict=True))
    blocking = [str(one) for one in refusals(host, [found])]
    assert len(blocking) == len(holds) and all(
        "sibling_apps: {api: src/api.js}" in o for o in blocking
    )
    ended = replace(found, app=replace(app, status="stopped", pid=0))
    assert not list(refusals(host, [ended]))


def test_own_entries_are_merged_with_the_least() -> None:
    """What is not the switch's is not touched; what is, is not the file's."""
    own = {
        "name": "app", "script": "./other.js", "cwd": "/elsewhere", "args": ["--x"],
        "out_file": "./logs/out.log", "error_file": "/var/log/e.log", "pid_file": "NULL", "log_file": True,
        "kill_timeout": 3, "env": {"A": "1", "B": "2"},
    }  # fmt: skip
    plan = replace(
        PLAN, pm2_environment={"B": "3"}, pm2_apps={"app": "src/server.js", "gone": "x.js"}
    )
    entries = to_start(plan, {"app": own, "other": {"name": "other"}})
    current = f"{PLAN.app_dir}/current"
    assert entries == {
        "app": {
            **own,
            "script": f"{current}/src/server.js", "cwd": current,
            "out_file": f"{PLAN.app_dir}/logs/out.log",
            "kill_timeout": 15000, "env": {"A": "1", "B": "3"},
        }
    }  # fmt: skip
    assert set(to_start(plan, None)) == {"app", "gone"}


def test_a_script_of_its_users_making_keeps_root_from_nothing(tmp_path: Path) -> None:
    """Each `require(` looked to the end of the file: a megabyte of them took root hours."""
    for text in ("require('a', ", "import('a' ", "require(\n'"):
        path = tmp_path / "hostile.js"
        path.write_text(text * ((1 << 20) // len(text)))
        began = time.process_time()
        loaded(str(path), str(tmp_path), (os.getuid(), os.getgid()))
        assert time.process_time() - began < 10
