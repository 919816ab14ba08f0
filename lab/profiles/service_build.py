"""The lab's service: its git repository, and the hosts' profile `on-files`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.fleet.fleet import each
from lab.machine.remote import Host
from lab.profiles.service_install import Installed, install_on_files
from lab.profiles.service_repository import build_repository

__all__ = ["AsRoot", "Installed", "build", "build_repository", "install_on_files"]


@dataclass(frozen=True)
class AsRoot:
    """Runs commands as root on one host."""

    host: Host

    def run(self, command: str, stdin: bytes | None = None) -> bytes:
        """Run a command to its end and return its standard output."""
        return self.host.run(command, stdin=stdin or b"", sudo=True).stdout


def build(hosts: Sequence[Host]) -> list[Installed]:
    """Put the old version on its session files on running, clean hosts of the lab.

    Params:
        hosts: all of them; each that has companies gets the service with its first one.
    Returns:
        what was put there, host by host.
    Raises:
        LabError: a step failed, or the service does not run on its files at the end.
    """
    with_companies = [host for host in hosts if host.spec.companies]
    return each(with_companies, lambda host: install_on_files(AsRoot(host), host.spec.companies[0]))
