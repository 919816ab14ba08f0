"""What the host program is asked for a rollout's steps: once for all of them, where nothing is changed."""

from __future__ import annotations

from pathlib import Path

from ..deploys import deployed

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
# The streamed program, as far as this host has it: it leaves one of the questions open.
PYTHON = """#!/bin/sh
echo "$3" >> {log}
cat > /dev/null
echo '{{"event": "answer", "command": "env --check --plan -", "exit": 0, "answer": {{}}}}'
echo '{{"event": "answer", "command": "preflight --plan -", "exit": 2, "answer": {{"a": 1}}}}'
"""


def test_the_first_step_that_asks_gets_the_answers_for_all(tmp_path: Path) -> None:
    """Each start of the program and each way to a host costs; what was not answered is asked again."""
    program, log = tmp_path / "python3", tmp_path / "asked"
    program.write_text(PYTHON.format(log=log))
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    told, said = deployed(tmp_path, DEPLOY, dry=True, env=env)
    planned = {one["name"]: one["changes"] for one in told if one["event"] == "planned"}
    assert planned == {"Stage": False, "Switch": True, "Prune": True}, said
    assert told[-1]["answers"] == {
        "env": {"exit": 0},
        "preflight": {"a": 1, "exit": 2},
        "prune": {"exit": None, "reason": "the host did not answer"},
    }
    assert log.read_text().split() == ["survey"] * 2
