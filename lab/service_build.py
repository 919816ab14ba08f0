"""The lab's service: its git repository, and the hosts' profile `on-files`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.profile import host_of
from lab.remote import Host
from lab.service_install import Installed, install_on_files
from lab.service_repository import build_repository

__all__ = ["AsRoot", "Installed", "build", "build_repository", "install_on_files"]


@dataclass(frozen=True)
class AsRoot:
    """Runs commands as root on one host."""

    host: Host

    def run(self, command: str, stdin: bytes | None = None) -> bytes:
        """Run a command to its end and return its standard output."""
        return self.host.run(command, stdin=stdin or b"", sudo=True).stdout


def build(hosts: Sequence[Host]) -> Installed:
    """Put profile `on-files` on running, clean hosts of the lab.

    Params:
        hosts: all of them; the first one for the service gets it.
    Returns:
        what was put there.
    Raises:
        LabError: a step failed, or the service does not run on its files at the end.
    """
    return install_on_files(AsRoot(host_of(hosts, "service")))
