"""Check a host's archives for real: decrypt them on the controller, which alone holds the identity."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.checkout import ROOT
from rollout.environment.environment import Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import ACT_SECONDS, Connections, login_command

CHECK = [sys.executable, "-m", "sessionstore", "archive", "check", "-"]


@dataclass(frozen=True)
class ArchiveCheck:
    archive: str  # its path on the host
    outcome: str  # ``passed``, or ``not checked`` with the reason
    reason: str = ""  # why it was not checked


def check_archives(
    connections: Connections, host: Host, archives: Sequence[tuple[str, str]]
) -> list[ArchiveCheck]:
    """Decrypt archives, (archive, manifest) paths on the host; each must hold what its manifest says."""
    named = str(host.settings.get("archive_identity_file") or "")
    identity = Path(named).expanduser()
    if not named or not identity.is_file():
        reason = "no age identity on this machine (archive_identity_file)"
        return [ArchiveCheck(archive, "not checked", reason) for archive, _ in archives]
    return [_check_one(connections, host, *paths, identity) for paths in archives]


def _check_one(
    connections: Connections, host: Host, archive: str, manifest: str, identity: Path
) -> ArchiveCheck:
    listed = connections.run(host, ["cat", "--", manifest], sudo=True)
    if listed.returncode != 0:
        raise OperatorError(f"{host.name}: {manifest} can't be read.", f"ls -l {manifest}")
    with tempfile.TemporaryDirectory() as folder:
        local_manifest = Path(folder) / Path(manifest).name
        local_manifest.write_bytes(listed.stdout)
        # The archive streams through: decrypted keys never reach this machine's disk.
        with subprocess.Popen(
            connections.argv(host, shlex.join(["sudo", "-n", "cat", "--", archive])),
            stdout=subprocess.PIPE,
        ) as stream:
            try:
                checked = subprocess.run(
                    [*CHECK, "--manifest", str(local_manifest), "--identity", str(identity)],
                    cwd=ROOT,
                    stdin=stream.stdout,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=ACT_SECONDS,
                )
            except subprocess.TimeoutExpired:
                what = f"{host.name}: {archive} was not read within {ACT_SECONDS} s"
                raise OperatorError(what, login_command(host)) from None
            finally:
                stream.kill()
    if checked.returncode != 0:
        said = (checked.stderr.strip() or checked.stdout.strip()).splitlines()
        raise OperatorError(
            f"{host.name}: {archive} is not what was set aside: {said[-1] if said else 'no reason'}",
            "nothing was removed; archive again: move that archive away, then rollout apply",
        )
    return ArchiveCheck(archive, "passed")
