"""A service with an ecosystem file of its own, as people have it: jobs and bots beside it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.unit.kinds import raw

from .outcomes import ON_FILES
from .plans import APP, COMPANY
from .world import World

BOT, BACKUP, ONCE, OTHER = "bot", "backup-service", "statistics", "api"
SIBLINGS = {BOT: "src/bot.js", BACKUP: "src/job.js", ONCE: "src/job.js"}
FILE = "ecosystem.config.js"
SECRET = "hunter2"
TEXT = """
console.log('a file may print')
setInterval(() => {}, 1000)
const app = (name, script, more = {}) => ({
  name, script, instances: 1, exec_mode: 'fork', autorestart: true, watch: false, time: true,
  max_memory_restart: '200M', error_file: `./logs/${name}-error.log`, out_file: `./logs/${name}-out.log`,
  ...more, env: { NODE_ENV: 'production', ...more.env }
})
module.exports = { apps: [
  app('api', './src/bot.js'),
  app('baileys-whatsapp-service', './src/server.js', { env: { COMPANY_ID: '962302', TOKEN: 'hunter2' } }),
  app('backup-service', './src/job.js', { cron_restart: '0 4 1 1 *', autorestart: false }),
  app('statistics', './src/job.js', { autorestart: false, env: { COMPANY_ID: '1' } }),
  app('bot', './src/bot.js', { args: '--mode polling --token hunter2' })
] }
"""


def write(world: World, text: str = TEXT) -> None:
    """In both versions."""
    for version in (world.app_dir, world.release):
        (version / FILE).write_text(text)
        (version / "src/bot.js").write_text("setInterval(() => {}, 1000)\n")
        (version / "src/job.js").write_text("console.log('worked')\n")


def start(world: World, text: str = TEXT) -> None:
    """The old version as its people start it: in its checkout."""
    write(world, text)
    world.pm2("delete", APP)
    in_place(world, "start", FILE)
    world.wait_for(ON_FILES)
    end = time.monotonic() + 10
    while text == TEXT and {listed(world)[one]["status"] for one in (BACKUP, ONCE)} != {"stopped"}:
        assert time.monotonic() < end
        time.sleep(0.1)
    world.pm2("save")


def in_place(world: World, *words: str) -> None:
    clean = {"HOME": str(world.place), "PATH": world.search_path, "PM2_HOME": str(world.pm2_home)}
    inside = [*world.machine.inside(), "env", "-C", str(world.app_dir)]
    subprocess.run([*inside, "pm2", *words], env=clean, check=True, capture_output=True, timeout=60)


def plan(world: World, **changes: Any) -> dict[str, Any]:
    described = {**raw("lab"), "pm2": {"ecosystem": FILE}}
    apps = {APP: "src/server.js", **SIBLINGS}
    return world.plan(**{"description": described, "pm2_apps": apps, **changes})


def listed(world: World) -> dict[str, dict[str, Any]]:
    """What PM2 shows of each app, with its pid."""
    found = json.loads(world.pm2("jlist"))
    return {one["name"]: {**one["pm2_env"], "pid": one.get("pid", 0)} for one in found}


def kept(world: World) -> dict[str, Any]:
    """What of each declared app must outlive a switch, and its put back."""
    apps = listed(world)
    return {
        name: {
            "state": app["status"],
            "exported": {one: app["env"].get(one) for one in ("NODE_ENV", "COMPANY_ID", "TOKEN")},
            "settings": [
                app.get(one) or None
                for one in ("args", "cron_restart", "autorestart", "max_memory_restart", "watch")
            ],
            "logs": [Path(app[one]).parent for one in ("pm_out_log_path", "pm_err_log_path")],
        }
        for name, app in apps.items()
    }


def as_started(world: World) -> dict[str, Any]:
    """Of the service."""
    app = listed(world)[APP]
    assert app["env"]["COMPANY_ID"] == COMPANY
    return app
