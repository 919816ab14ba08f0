"""testinfra over the project's root shell: no shell reads a command, no content is read by its files."""

import shlex
from collections.abc import Sequence
from typing import Any, Self

import testinfra.host
from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.modules.file import GNUFile

from rollout.hosts.root_shell import RootShell

SECONDS = 60
# What runs as another user is that user's to delay: each of a few dozen questions at most so long.
THEIR_SECONDS = 20
ROOT = "root"


class _File(GNUFile):  # type: ignore[misc]
    """testinfra's file: its place, owner and mode. Its content is for `Target.content` to read."""

    content = contains = md5sum = sha256sum = None

    @classmethod
    def get_module_class(cls, host: Any) -> type[Self]:
        """This one, whatever system the host has."""
        return cls


class Backend(BaseBackend):  # type: ignore[misc]
    """testinfra's backend over the project's root shell: its texts become words, and no shell's."""

    NAME = "root shell"

    def __init__(self, shell: RootShell, address: str) -> None:
        super().__init__(address)
        self._shell = shell

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command as root or as ``user``, in a session of its own; no shell reads it.

        Args:
            command: words with ``%s`` among them, as testinfra writes them.
            args: what stands in their places, each as it is.
        """
        text = self.get_command(command, *args)
        user = kwargs.get("user", ROOT)
        seconds = SECONDS if user == ROOT else THEIR_SECONDS
        done = self._shell.run(shlex.split(text), timeout=seconds, user=user)
        return self.result(done.returncode, self.encode(text), done.stdout, done.stderr)

    def decode(self, data: bytes) -> str:
        """What a command said; names of files in it need be no text."""
        return data.decode("utf-8", "backslashreplace")


class Testinfra(testinfra.host.Host):  # type: ignore[misc]
    """testinfra's host, whose failures say in one line what a command answered."""

    @property
    def file(self) -> Any:
        """Files by their marks alone."""
        return _File.get_module(self)

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        """Properties of a systemd unit, its state in any case."""
        wanted = ",".join(("UnitFileState", "ActiveState", *properties))
        lines = self.lines("systemctl show --property=%s -- %s", wanted, name)
        return dict(line.split("=", 1) for line in lines)

    def lines(
        self, command: str, *args: str, ends: Sequence[int] = (0,), **kwargs: Any
    ) -> list[str]:
        """What a command says, line by line; it may end with one of some codes."""
        found = self.run_expect(list(ends), command, *args, **kwargs)
        return str(found.stdout).splitlines()

    def listening_on(self, port: int) -> list[str]:
        """The addresses at which something listens on a TCP port."""
        lines = self.lines("ss -Hltn %s", f"sport = :{port}")
        return [line.split()[3].rpartition(":")[0].strip("[]") for line in lines]

    def run_expect(self, expected: list[int], command: str, *args: str, **kwargs: Any) -> Any:
        found = self.run(command, *args, **kwargs)
        said = " ".join((found.stderr or found.stdout).split())[-300:] or "it said nothing"
        shown = command % args if args else command
        assert found.rc in expected, f"`{shown[:160]}` ended with {found.rc}: {said}"
        return found

    def check_output(self, command: str, *args: str, **kwargs: Any) -> str:
        return str(self.run_expect([0], command, *args, **kwargs).stdout).rstrip("\r\n")
