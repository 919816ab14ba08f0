"""The lab's service: its git repository, and the hosts' profile `on-files`."""

from __future__ import annotations

from dataclasses import dataclass

from lab.remote import Host
from lab.service_install import Installed, install_on_files
from lab.service_repository import build_repository

__all__ = ["Installed", "build", "build_repository", "install_on_files"]


@dataclass(frozen=True)
class _AsRoot:
    host: Host

    def run(self, command: str, stdin: bytes | None = None) -> bytes:
        return self.host.run(command, stdin=stdin or b"", sudo=True).stdout


def build(host: Host) -> Installed:
    """Put profile `on-files` on a running, clean host of the lab.

    Params:
        host: the one that carries the service.
    Returns:
        what was put there.
    Raises:
        LabError: a step failed, or the service does not run on its files at the end.
    """
    return install_on_files(_AsRoot(host))
