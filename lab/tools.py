"""Running the programs that the lab is made with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.place import LabError


def run(
    argv: Sequence[str | Path],
    text: str = "",
    *,
    directory: Path | None = None,
    without: Sequence[str] = (),
) -> str:
    """Run a program to its end and return what it printed.

    Args:
        argv: program and arguments; never a secret among them.
        text: its standard input.
        directory: where it runs.
        without: environment variables that it must not see.

    Raises:
        LabError: it failed; with what it said.
    """
    environment = {name: value for name, value in os.environ.items() if name not in without}
    done = subprocess.run(
        argv,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=environment,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-800:]
        raise LabError(f"`{' '.join(map(str, argv[:3]))} …` failed ({done.returncode}): {said}")
    return done.stdout
