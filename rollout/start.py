"""The command's entry point: the environment is being read while the rest of the command loads."""

from __future__ import annotations

import sys

from rollout import ahead, streams


def main() -> None:
    """Run the command on the process's own arguments."""
    streams.opened()
    ahead.begin(sys.argv[1:])
    from rollout.cli import main as command

    command()
