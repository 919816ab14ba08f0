"""Commands on the lab's hosts over SSH, with the lab's own key and its pinned host keys."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.machine.boot import LOGIN_USER
from lab.place import HostSpec, LabError, Place


def ssh_argv(place: Place, spec: HostSpec, command: str | None = None) -> list[str]:
    """The ssh command for a host.

    Args:
        place: whose keys to use.
        spec: the host.
        command: text for the shell over there; without it, a terminal session.
    """
    options = {
        "UserKnownHostsFile": str(place.secrets / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "PasswordAuthentication": "no",
        "ConnectTimeout": "5",
        # A host that was cut off must end the command, not hang it.
        "ServerAliveInterval": "5",
        "LogLevel": "ERROR",
    }
    argv = ["ssh", "-F", "/dev/null", "-i", str(place.secrets / "id_ed25519")]
    argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    argv += [] if command is None else ["-o", "BatchMode=yes"]
    return [*argv, f"{LOGIN_USER}@{spec.address}", *([] if command is None else [command])]


@dataclass(frozen=True)
class Host:
    """A running host of the lab, for whoever builds or tests something on it."""

    place: Place
    spec: HostSpec

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.spec.name

    @property
    def address(self) -> str:
        """Its address on the lab's network."""
        return str(self.spec.address)

    def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        check: bool = True,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a shell command on the host.

        Args:
            command: text for ``sh -c``; never a secret, which goes into ``stdin``.
            stdin: what the command reads on standard input.
            sudo: run it as root.
            check: raise when it fails.
            timeout: seconds.

        Raises:
            LabError: it failed and ``check`` is set.
            subprocess.TimeoutExpired: it took longer than ``timeout``.
        """
        text = f"{'sudo -- ' if sudo else ''}sh -c {shlex.quote(command)}"
        done = subprocess.run(
            ssh_argv(self.place, self.spec, text),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
            raise LabError(f"{self.name}: `{command[:200]}` failed ({done.returncode}): {said}")
        return done

    def send(self, source: Path, target: str) -> None:
        """Copy a file or a directory's content to ``target`` on the host, as root.

        Raises:
            LabError: it could not be written.
        """
        if source.is_dir():
            packed = subprocess.run(
                ["tar", "-C", str(source), "-cf", "-", "--owner=0", "--group=0", "."],
                capture_output=True,
                check=True,
            ).stdout
            quoted = shlex.quote(target)
            self.run(f"mkdir -p {quoted} && tar -C {quoted} -xf -", stdin=packed, sudo=True)
        else:
            self.run(f"cat > {shlex.quote(target)}", stdin=source.read_bytes(), sudo=True)
