"""The engine rests on two names of pyinfra that are not public; these tests hold them to what we need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent

# Two roles as functions of one module, called in turn from a deploy file, on this machine itself.
ROLE = """
from pyinfra.operations import server

def first():
    server.shell(name="first", commands=["true"])
    server.shell(name="second", commands=["true"])

def last():
    server.shell(name="third", commands=["false"])
    server.shell(name="never", commands=["true"])
"""
DEPLOY = "import small_role\nsmall_role.first()\nsmall_role.last()\n"
RUN = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from rollout.deploys import engine
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
state = engine.State(check_for_changes=False)
state.cwd = sys.argv[1]
engine.ctx_state.set(state)
config = Config()
engine.ctx_config.set(config)
engine.exec_file(sys.argv[2] + "/config.py")
config.SUDO = False
config.lock_current_state()
inventory = Inventory((["@local"], {}))
engine.ctx_inventory.set(inventory)
state.init(inventory, config)
state.add_callback_handler(engine.EventWriter())
state.set_stage(engine.StateStage.Connect)
engine.connect_all(state)
state.set_stage(engine.StateStage.Prepare)
engine.load_deploy_file(state, sys.argv[1] + "/deploy.py")
try:
    engine.execute(state)
except engine.PyinfraError as error:
    engine.emit("stopped", why=str(error))
"""


def test_operations_run_in_the_order_of_the_deploy_file_and_stop_at_the_first_failure(
    tmp_path: Path,
) -> None:
    """Out of order, or on after a failure, the removal could run before the switch was healthy."""
    (tmp_path / "small_role.py").write_text(ROLE)
    (tmp_path / "deploy.py").write_text(DEPLOY)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    ended = [(e["name"], e["failed"]) for e in events if e["event"] == "operation ended"]
    assert ended == [("first", False), ("second", False), ("third", True)], done.stderr
    assert events[-1]["event"] == "stopped"
