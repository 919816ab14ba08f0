"""The engine rests on two names of pyinfra that are not public; these tests hold them to what we need."""

from __future__ import annotations

from pathlib import Path

from ..deploys import deployed

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


def test_operations_run_in_the_order_of_the_deploy_file_and_stop_at_the_first_failure(
    tmp_path: Path,
) -> None:
    """Out of order, or on after a failure, the removal could run before the switch was healthy."""
    (tmp_path / "small_role.py").write_text(ROLE)
    events, said = deployed(tmp_path, DEPLOY, execute=True)
    ended = [(e["name"], e["failed"]) for e in events if e["event"] == "operation ended"]
    assert ended == [("first", False), ("second", False), ("third", True)], said
    assert events[-2]["event"] == "stopped"
