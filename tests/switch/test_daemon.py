"""PM2's daemon, or what it is told, fails between the gate and the end of a switch."""

from __future__ import annotations

import json

import pytest

from .outcomes import assert_after
from .plans import APP
from .world import World

# The third question is the gate's last: what follows is PM2's dump.
LAST = """
const answering = require('http').createServer
let asked = 0
require('http').createServer = answer => answering((request, response) => {
  if (++asked === 3) process.kill(Number(fs.readFileSync('%s', 'utf8')), '%s')
  return answer(request, response)
})
"""


@pytest.mark.parametrize(
    ("number", "told"), [("SIGKILL", "does not list"), ("SIGSTOP", "did not answer")]
)
def test_no_switch_is_ended_whose_version_no_boot_brings_back(
    world: World, number: str, told: str
) -> None:
    """It was recorded as switched with a dump that named no app, or ended without an alarm."""
    files = world.files()
    script, pid = world.release / "src" / "server.js", world.pm2_home / "pm2.pid"
    text = script.read_text()
    script.write_text(text.replace("const NEW", f"{LAST % (pid, number)}const NEW", 1))
    plan = world.plan()
    gate = {**plan["gate"], "settle_seconds": 0.2}
    code, result = world.hostswitch("switch", plan={**plan, "gate": gate})
    assert (code, result["outcome"]) == (1, "error"), result
    assert told in result["error"] and "baileys-hostswitch resume" in result["error"]
    assert result["error"][:200] in world.alarm.read_text()
    script.write_text(text)
    if number == "SIGSTOP":
        world.run_inside("sh", "-c", f"kill -CONT $(cat {pid})")
    assert world.hostswitch("resume")[1]["outcome"] == "switched"
    assert_after(world, files)
    assert [app["name"] for app in json.loads((world.pm2_home / "dump.pm2").read_text())] == [APP]
