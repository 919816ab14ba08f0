"""What the host program is asked for a rollout's steps: once for all of them, where nothing is changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# `deploy.py`'s kind of file, with steps of its own.
DEPLOY = """
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import Step
one = host_program_step(Step("Stage", "env"), plan=lambda: {"of": "env"})
two = host_program_step(Step("Switch", "switch", "preflight"), plan=lambda: {"of": "switch"})
three = host_program_step(Step("Prune", "prune"), plan=lambda: {"of": "prune"})
one()
two()
three()
"""
# A plan made for this machine itself, with the engine's own parts.
RUN = """
import sys
place, root = sys.argv[1:]
sys.path[:0] = [root]
from rollout.deploys import engine
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
state = engine.State(check_for_changes=True)
state.cwd = place
engine.ctx_state.set(state)
config = Config()
engine.ctx_config.set(config)
config.lock_current_state()
inventory = Inventory((["@local"], {}))
engine.ctx_inventory.set(inventory)
state.init(inventory, config)
state.set_stage(engine.StateStage.Connect)
engine.connect_all(state)
state.set_stage(engine.StateStage.Prepare)
engine.load_deploy_file(state, place + "/deploy.py")
engine.emit_plan(state)
engine.emit_answers()
"""
# The streamed program, as far as this host has it: it leaves one of the questions open.
PYTHON = """#!/bin/sh
echo "$3" >> {log}
cat > /dev/null
case $3 in
survey) echo '{{"event": "answer", "command": "env --check --plan -", "exit": 0, "answer": {{}}}}'
  echo '{{"event": "answer", "command": "preflight --plan -", "exit": 2, "answer": {{"a": 1}}}}';;
*) exit 5;;
esac
"""


def test_the_first_step_that_asks_gets_the_answers_for_all(tmp_path: Path) -> None:
    """Each start of the program and each way to a host costs; what was not answered is asked again."""
    (tmp_path / "deploy.py").write_text(DEPLOY)
    program, log = tmp_path / "python3", tmp_path / "asked"
    program.write_text(PYTHON.format(log=log))
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), str(ROOT)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    planned = {one["name"]: one["changes"] for one in told if one["event"] == "planned"}
    assert planned == {"Stage": False, "Switch": True, "Prune": True}, done.stderr
    assert told[-1]["answers"]["preflight"] == {"a": 1, "exit": 2}
    assert log.read_text().split() == ["survey", "prune"]
