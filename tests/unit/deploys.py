"""A deploy file on this machine itself, with the engine's own parts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import json, sys
place, root, dry, execute, data, overrides = *sys.argv[1:3], *map(json.loads, sys.argv[3:])
sys.path[:0] = [place, root]
from rollout.deploys import engine
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
state = engine.State(check_for_changes=dry)
state.cwd = place
engine.ctx_state.set(state)
config = Config()
engine.ctx_config.set(config)
engine.exec_file(root + "/config.py")
config.SUDO = False
config.lock_current_state()
inventory = Inventory(([("@local", data)], {}), override_data=overrides)
engine.ctx_inventory.set(inventory)
state.init(inventory, config)
state.add_callback_handler(engine.EventWriter())
state.set_stage(engine.StateStage.Connect)
engine.connect_all(state)
state.set_stage(engine.StateStage.Prepare)
engine.load_deploy_file(state, place + "/deploy.py")
if execute:
    try:
        engine.execute(state)
    except engine.PyinfraError as error:
        engine.emit("stopped", why=str(error))
else:
    engine.emit_plan(state)
engine.emit_answers()
"""


def deployed(
    place: Path,
    deploy: str,
    *,
    dry: bool = False,
    execute: bool = False,
    data: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[list[dict[str, Any]], str]:
    """The events that the command would hear, and what was said on standard error.

    Args:
        place: a directory for the deploy file; modules in it can be imported.
        deploy: the deploy file's text.
        dry: whether the operations look for changes while they are prepared.
        execute: whether they are run.
    """
    (place / "deploy.py").write_text(deploy)
    given = (dry, execute, data or {}, overrides or {})
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(place), str(ROOT), *map(json.dumps, given)],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"], done.stderr
