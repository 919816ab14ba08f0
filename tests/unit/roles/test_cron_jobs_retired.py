"""The shell that takes retired lines out of a crontab, run for real over a crontab in a file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from roles.sessions.operations import DROP_CRON_LINES

# As cron's own: `-l -u USER` prints it, `-u USER FILE` installs another.
CRONTAB = '#!/bin/sh\n[ "$1" = -l ] && exec cat "$CRONTAB"; exec cp "$3" "$CRONTAB"\n'
KEPT = [
    b"# F\xfcr die Nacht: caf\xc3\xa9",
    b"0 5 * * * echo Gr\xfc\xdfe \x00",
    b"0 4 * * * /bin/true",
]


def test_only_the_retired_line_goes_whatever_bytes_the_others_have(tmp_path: Path) -> None:
    """A job of the customer's that stops without a word."""
    program, crontab, kept = tmp_path / "crontab", tmp_path / "tab", tmp_path / "kept"
    program.write_text(CRONTAB)
    program.chmod(0o755)
    kept.mkdir()
    before = b"\n".join([KEPT[0], b"0 3 * * * node cleanup.js \xff", *KEPT[1:], b""])
    crontab.write_bytes(before)
    for locale in ("C", "C.UTF-8"):
        crontab.write_bytes(before)
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CRONTAB": str(crontab),
            "LC_ALL": locale,
        }
        subprocess.run(
            ["sh", "-c", DROP_CRON_LINES, "sh", "ai-admin", str(kept), "-e", "cleanup.js"],
            env=environment,
            check=True,
        )
        assert crontab.read_bytes() == b"\n".join([*KEPT, b""])
    assert {one.read_bytes() for one in kept.iterdir()} == {before}
