"""The program on the host: where it is, how it is built here, and the words that run it.

Without pyinfra's host and state, so that the command can use it as well.
"""

import base64
import hashlib
import io
import json
import secrets
import shlex
import threading
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand

from roles.shared.shell import SecretLines

FOLDER = "/usr/local/lib/baileys-rollout"
ZIPAPP = f"{FOLDER}/hostswitch.pyz"
PROGRAM = "/usr/local/sbin/baileys-hostswitch"
RESUME = "baileys-hostswitch-after-pm2.service"
"""The unit that ends a switch that was cut off (role host); without an open one it does nothing."""

# How the program itself ends a run; all else is a death, also 1: an error it did not foresee. Not told as
# SuccessExitStatus: `systemd-run --wait` answers 0 for those, so that what was refused would count as done.
_DECIDED = "|".join(f"exited-{code}" for code in (0, 2, 3, 4, 5, 6, 7, 8, 64))
_PROPERTIES = (
    f'ExecStopPost=/bin/sh -c "case $$EXIT_CODE-$$EXIT_STATUS in {_DECIDED}) ;; '
    f'*) exec systemctl start --no-block {RESUME} ;; esac"',
    # The host's memory is the service's. A child that is killed for it is an error, no end of the run.
    "MemoryMax=50%",
    "OOMPolicy=continue",
    # Beyond every deadline within, a backup of a large database before the stop included.
    "RuntimeMaxSec=4h",
)

_one_builds = threading.Lock()

# Reads "<length>\n", that many base64 characters and a newline, and runs them from memory; what
# follows on standard input is the program's own. Byte-wise, so that nothing of that is swallowed.
# Nothing is left on the host (docs/facts.md section 6: a program can run from a memfd). Where just this
# version is installed, it is what runs: Python has compiled it there.
LOADER = (
    "import base64,hashlib,os,sys\n"
    "n=b''\n"
    "while not n.endswith(b'\\n'): n+=os.read(0,1)\n"
    "left=int(n)+1;parts=[]\n"
    "while left:\n"
    " part=os.read(0,min(left,65536));left-=len(part);parts.append(part)\n"
    " if not part: sys.exit('the program was cut off on its way to the host')\n"
    "program=base64.b64decode(b''.join(parts))\n"
    f"place='{FOLDER}/'+hashlib.sha256(program).hexdigest()\n"
    "found=os.lstat(place) if os.path.lexists(place) else None\n"
    "if found and found.st_mode&0o170022==0o40000 and found.st_uid in (0,os.geteuid()):\n"
    " os.execv(sys.executable,['python3','-I',place,*sys.argv[1:]])\n"
    "fd=os.memfd_create('hostswitch',0)\n"
    "with open(fd,'wb',closefd=False) as f: f.write(program)\n"
    "os.execv(sys.executable,['python3',f'/proc/self/fd/{fd}',*sys.argv[1:]])"
)


_PACKAGES = ("hostswitch", "sessionstore", "psycopg")
_MODULES = ("typing_extensions",)
# psycopg asks its own metadata for its version, in the archive as well.
_WITH_METADATA = "psycopg"
_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_zipapp() -> bytes:
    """The same sources and the same psycopg give the same bytes: an unchanged program is not copied again."""
    return _SHEBANG + _archive(dict(_members()))


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, members[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _members() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _origin("hostswitch").with_name("__main__.py").read_bytes()
    for package in _PACKAGES:
        root = _origin(package).parent
        for path in root.rglob("*.py"):
            yield path.relative_to(root.parent).as_posix(), path.read_bytes()
    for module in _MODULES:
        yield f"{module}.py", _origin(module).read_bytes()
    text = metadata.distribution(_WITH_METADATA).read_text("METADATA") or ""
    version = metadata.version(_WITH_METADATA)
    header = text.partition("\n\n")[0] + "\n"
    yield f"{_WITH_METADATA}-{version}.dist-info/METADATA", header.encode()


def _origin(name: str) -> Path:
    found = util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"{name} is not installed here. Set the environment up with: make rollout")
    return Path(found.origin)


def zipapp() -> bytes:
    """The host program as built from this checkout: once, whichever threads ask for it."""
    with _one_builds:
        return _built()


_built = cache(build_zipapp)


def unpacked() -> str:
    """Where a host has the program of this version unpacked, so that Python keeps what it compiled."""
    return f"{FOLDER}/{hashlib.sha256(zipapp()).hexdigest()}"


def starter() -> str:
    """What PROGRAM holds: a shell script that names the version which it starts."""
    return (
        "#!/bin/sh\n# Installed by baileys-rollout. Try: baileys-hostswitch --help\n"
        f'exec /usr/bin/python3 -I {unpacked()} "$@"\n'
    )


def detached_words(arguments: str, rollout_id: str) -> str:
    """The command that runs the installed program as a systemd unit of its own, and waits for it.

    A controller or a network that dies takes the waiting ``systemd-run`` with it, not the unit. One
    whose program dies is ended by RESUME.
    Each run has a unit of its own: of two at once the second is told by the program's lock who holds
    it; systemd would only say that the unit is there already.
    """
    unit = shlex.quote(f"baileys-hostswitch-{rollout_id}-{secrets.token_hex(2)}")
    properties = " ".join(f"-p {shlex.quote(one)}" for one in _PROPERTIES)
    return (
        f"systemd-run --quiet --collect --wait --pipe --unit={unit}"
        f" --description='baileys-rollout: switch' {properties} {PROGRAM} {arguments}"
    )


def streamed_command(arguments: str) -> StringCommand:
    """The command that runs the program from memory; its standard input is ``streamed_stdin``."""
    return StringCommand("python3", "-c", QuoteString(LOADER), arguments)


def streamed_stdin(payload: Mapping[str, Any]) -> SecretLines:
    """Standard input for ``streamed_command``: the program, then its plan."""
    program = base64.b64encode(zipapp()).decode()
    return SecretLines([str(len(program)), program, json.dumps(payload)])


def installed_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    return StringCommand(PROGRAM, arguments, _stdin=SecretLines([json.dumps(payload)]))


def detached_command(arguments: str, payload: Mapping[str, Any]) -> StringCommand:
    words = detached_words(arguments, payload["rollout_id"])
    return StringCommand(words, _stdin=SecretLines([json.dumps(payload)]))
