"""The program on the host: built on the controller, installed by the host role, or streamed.

Roles reach ``sessionstore`` and ``hostswitch`` in this way only; they never import them.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand

from roles.shared.secret_lines import SecretLines

ROOT = Path(__file__).resolve().parent.parent.parent
ZIPAPP = "/usr/local/lib/baileys-rollout/hostswitch.pyz"
PROGRAM = "/usr/local/sbin/baileys-hostswitch"

# Reads "<length>\n", that many base64 characters and a newline, and runs them from memory; what
# follows on standard input is the program's own. Byte-wise, so that nothing of that is swallowed.
# Nothing is left on the host (DOMAIN.md section 6: a program can run from a memfd).
LOADER = (
    "import base64,os,sys\n"
    "n=b''\n"
    "while not n.endswith(b'\\n'): n+=os.read(0,1)\n"
    "left=int(n)+1;parts=[]\n"
    "while left:\n"
    " part=os.read(0,min(left,65536));left-=len(part);parts.append(part)\n"
    " if not part: sys.exit('the program was cut off on its way to the host')\n"
    "fd=os.memfd_create('hostswitch',0)\n"
    "with open(fd,'wb',closefd=False) as f: f.write(base64.b64decode(b''.join(parts)))\n"
    "os.execv(sys.executable,['python3',f'/proc/self/fd/{fd}',*sys.argv[1:]])"
)


@cache
def zipapp() -> bytes:
    """The host program as built from this checkout; the same bytes from the same sources."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "hostswitch.pyz"
        subprocess.run(
            [sys.executable, "-m", "hostswitch.build", str(target)],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        return target.read_bytes()


def streamed_command(arguments: str) -> StringCommand:
    """The command that runs the program from memory; its standard input is ``streamed_stdin``."""
    return StringCommand("python3", "-c", QuoteString(LOADER), arguments)


def streamed_stdin(payload: Mapping[str, Any]) -> SecretLines:
    """Standard input for ``streamed_command``: the program, then its plan."""
    program = base64.b64encode(zipapp()).decode()
    return SecretLines([str(len(program)), program, json.dumps(payload)])


def installed_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    """Run the installed program with a plan on standard input."""
    return StringCommand(PROGRAM, arguments, _stdin=SecretLines([json.dumps(payload)]))


def detached_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    """Run the installed program as a systemd unit of its own, and wait for it.

    A controller or a network that dies takes the waiting ``systemd-run`` with it, not the unit.
    Each run has a unit of its own: of two at once the second is told by the program's lock who holds
    it; systemd would only say that the unit is there already.
    """
    unit = f"baileys-hostswitch-{payload['rollout_id']}-{secrets.token_hex(2)}"
    return StringCommand(
        f"systemd-run --quiet --collect --wait --pipe --unit={unit}",
        "--description='baileys-rollout: switch'",
        PROGRAM,
        arguments,
        _stdin=SecretLines([json.dumps(payload)]),
    )
