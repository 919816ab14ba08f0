"""Runs programs as the service's user, in an environment that carries nothing of ours along.

PM2 exports its client's environment into the apps it starts, and dotenv does not override that
(docs/facts.md section 3): so every call gets `env -i` and the few names that PM2 needs.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostswitch.base import child
from hostswitch.base.errors import HostError
from sessionstore.errors import printable

# Programs that read the user's files whole, whatever they are; what PM2 starts inherits no limit.
_READERS = ("node", "git")
_LIMITED = ("prlimit", f"--data={512 << 20}", "--")
_UMASK = 0o022  # ours is 077; what PM2 starts must not inherit it


class CommandFailedError(HostError):
    """A program ended with an error, took too long or said too much."""


@dataclass(frozen=True)
class Account:
    user: str
    home: str
    uid: int
    gid: int
    search_path: str

    @property
    def owner(self) -> tuple[int, int]:
        return self.uid, self.gid

    @classmethod
    def of(cls, user: str, search_path: str) -> Account:
        """Look a user up. Raises KeyError: there is no such user."""
        entry = pwd.getpwnam(user)
        return cls(user, entry.pw_dir, entry.pw_uid, entry.pw_gid, search_path)

    def run(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        seconds: float = 60,
        check: bool = True,
    ) -> str:
        """Run a program as this user; its standard output. Raises CommandFailedError.

        Arguments and environment (beside HOME, USER, LOGNAME, PATH and LANG) hold no secret.
        """
        limit = _LIMITED if arguments[0] in _READERS else ()
        command = [*self._prefix(environment or {}), *limit, *arguments]
        name = printable(" ".join(arguments[:3]))
        try:
            done = child.run(command, seconds=seconds, umask=_UMASK)
        except child.EndlessError as error:
            raise CommandFailedError(f"`{name}` as {self.user} {error}") from None
        if check and done.code != 0:
            raise CommandFailedError(f"`{name}` as {self.user} failed: {_last_line(done.errors)}")
        return done.output.decode("utf-8", "replace")

    def popen(
        self, arguments: Sequence[str], *, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a program as this user (as `run`), for `child` to finish; its input and output are pipes."""
        return subprocess.Popen(
            [*self._prefix(environment), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            umask=_UMASK,
            start_new_session=True,
        )

    def _prefix(self, environment: Mapping[str, str]) -> list[str]:
        values = {
            "HOME": self.home,
            "USER": self.user,
            "LOGNAME": self.user,
            "PATH": self.search_path,
            "LANG": "C.UTF-8",
            **environment,
        }
        clean = ["env", "-i", *(f"{name}={value}" for name, value in values.items())]
        return clean if os.geteuid() == self.uid else ["runuser", "-u", self.user, "--", *clean]


def _last_line(output: bytes) -> str:
    *_, last = ["it said nothing", *output.decode("utf-8", "replace").strip().splitlines()]
    return printable(last[:300])
