"""A deploy file prepared on this machine itself, with the engine's own parts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import json, sys
place, root, dry, data, overrides = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
sys.path[:0] = [root]
from rollout.deploys import engine
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
state = engine.State(check_for_changes=dry)
state.cwd = place
engine.ctx_state.set(state)
config = Config()
engine.ctx_config.set(config)
config.lock_current_state()
inventory = Inventory(([("@local", data)], {}), override_data=overrides)
engine.ctx_inventory.set(inventory)
state.init(inventory, config)
state.set_stage(engine.StateStage.Connect)
engine.connect_all(state)
state.set_stage(engine.StateStage.Prepare)
engine.load_deploy_file(state, place + "/deploy.py")
engine.emit_plan(state)
engine.emit_answers()
"""


def prepared(
    place: Path,
    deploy: str,
    *,
    dry: bool = False,
    data: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[list[dict[str, Any]], str]:
    """The events that the command would hear, and what was said on standard error.

    Args:
        deploy: the deploy file's text.
        dry: whether the operations look for changes already.
    """
    (place / "deploy.py").write_text(deploy)
    words = [str(place), str(ROOT), *map(json.dumps, (dry, data or {}, overrides or {}))]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], env=env, capture_output=True, text=True, check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr
