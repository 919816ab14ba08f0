"""The command's entry point: the environment is being read while the rest of the command loads."""

from __future__ import annotations

import sys

from rollout import ahead


def main() -> None:
    """Run the command on the process's own arguments."""
    ahead.begin(sys.argv[1:])
    from rollout.cli import main as command

    command()
