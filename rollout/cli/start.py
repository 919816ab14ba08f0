"""The command's entry point: the environment is being read while the rest of the command loads."""

from __future__ import annotations

import sys

from rollout.environment import ahead
from rollout.processes import streams


def main() -> None:
    """Run the command on the process's own arguments."""
    streams.opened()
    ahead.begin(sys.argv[1:])
    from rollout.cli.main import main as command

    command()
