"""One host under check: testinfra's view of it, small probes, its service and its database."""

from __future__ import annotations

import json
import shlex
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import testinfra.host
from testinfra.backend.base import BaseBackend, CommandResult

from rollout.errors import OperatorError
from rollout.inventory import SERVICE
from rollout.root_shell import ON_THE_HOST, RootShell
from rollout.ssh import Connections, login_command

from .database import Database
from .declared import Declared

PROBES = Path(__file__).parent / "probes"
PROBE_SECONDS = 60
COMMAND_SECONDS = 300
LOG_LINES = 15


class _Backend(BaseBackend):  # type: ignore[misc]
    """testinfra's backend over the project's root shell."""

    NAME = "root shell"

    def __init__(self, shell: RootShell, address: str) -> None:
        super().__init__(address)
        self._shell = shell

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command as root; a host that went away is told as everywhere else."""
        text = self.get_command(command, *args)
        done = self._shell.run(text, timeout=COMMAND_SECONDS)
        return self.result(done.returncode, self.encode(text), done.stdout, done.stderr)


class _Host(testinfra.host.Host):  # type: ignore[misc]
    """testinfra's host, whose failures say in one line what a command answered."""

    def run_expect(self, expected: list[int], command: str, *args: str, **kwargs: Any) -> Any:
        """Run a command whose exit code must be one of those expected."""
        found = self.run(command, *args, **kwargs)
        said = " ".join((found.stderr or found.stdout).split())[-300:] or "it said nothing"
        shown = command % args if args else command
        assert found.rc in expected, f"`{shown[:160]}` ended with {found.rc}: {said}"
        return found

    def check_output(self, command: str, *args: str, **kwargs: Any) -> str:
        """The output of a command that must succeed."""
        return str(self.run_expect([0], command, *args, **kwargs).stdout).rstrip("\r\n")


class Target:
    """A host that answers.

    Args:
        declared: what its environment declares about it.
        connections: the shared SSH connections.

    Raises:
        OperatorError: it can't be reached, or logged in to as root.
    """

    def __init__(self, declared: Declared, connections: Connections) -> None:
        self.declared = declared
        host = declared.host
        # The first command opens the connection, and tells well what is wrong with it.
        connections.run(host, "true", sudo=True, timeout=PROBE_SECONDS)
        self.shell = RootShell(connections.argv(host, ON_THE_HOST), host.name, login_command(host))
        backend = _Backend(self.shell, host.address)
        # testinfra finds its modules (file, package, user) at run time, so this can't be typed.
        self.host: Any = _Host(backend)
        backend.set_host(self.host)
        self._answers: dict[tuple[str, ...], Any] = {}
        self.pm2_asked_at: float | None = None
        self.database = Database(declared, connections)

    @property
    def commands(self) -> int:
        """How many commands were run on the host."""
        return self.shell.commands

    def probe(self, name: str, *arguments: str) -> Any:
        """What a program of `probes/` sees on the host, as root; asked once a run.

        Args:
            name: the file in `probes/` without its ending. It goes over standard input: nothing is
                left on the host.
            arguments: its arguments; never a secret.

        Returns:
            The JSON that it printed.

        Raises:
            OperatorError: it failed.
        """
        key = (name, *arguments)
        if key not in self._answers:
            self._answers[key] = self.probe_anew(name, *arguments)
        return self._answers[key]

    def probe_anew(self, name: str, *arguments: str) -> Any:
        """As ``probe``, but asked again."""
        done = self.shell.run(
            ["python3", "-", *arguments],
            stdin=(PROBES / f"{name}.py").read_bytes(),
            timeout=PROBE_SECONDS,
        )
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise OperatorError(
                f"{self.declared.host.name}: the probe {name} failed: {lines[-1]}",
                f"python3 --version on {self.declared.host.name}: 3.10 or newer is needed",
            )
        return json.loads(done.stdout)

    @property
    def pm2(self) -> dict[str, Any]:
        """PM2's daemon, list and dump, without what is secret in them (`probes/pm2.py`)."""
        if self.pm2_asked_at is None:
            self.pm2_asked_at = time.monotonic()
        return dict(self.probe("pm2", *self._pm2_arguments))

    def pm2_anew(self) -> dict[str, Any]:
        """As ``pm2``, but asked again."""
        return dict(self.probe_anew("pm2", *self._pm2_arguments))

    @property
    def _pm2_arguments(self) -> list[str]:
        names = [*self.declared.flags, "POSTGRES_PASSWORD"]
        return [str(self.declared.pm2_home), self.declared.service_user, *names]

    @property
    def app(self) -> dict[str, Any]:
        """The service's one entry in PM2's list.

        Raises:
            AssertionError: PM2 does not run, does not list it, or lists it more than once.
        """
        assert self.pm2["daemon"], f"no PM2 daemon of {self.declared.service_user} is running"
        name = self.declared.service_app
        entries = [app for app in self.pm2["apps"] if app["name"] == name]
        assert len(entries) == 1, f"PM2 lists {name} {len(entries)} times instead of once"
        return dict(entries[0])

    @property
    def pid(self) -> int:
        """The service's process.

        Raises:
            AssertionError: it is not running.
        """
        pid = int(self.app["pid"] or 0)
        assert pid, f"{self.declared.service_app} has no process; PM2 calls it {self.app['status']}"
        return pid

    @property
    def status(self) -> dict[str, Any]:
        """What the service's status endpoint answers.

        Raises:
            AssertionError: it does not answer with a JSON object.
        """
        answer = self.probe("status", self.declared.status_url)
        assert "answer" in answer, f"{self.declared.status_url}: {answer.get('problem')}"
        return dict(answer["answer"])

    @cached_property
    def release(self) -> str:
        """Where `current` leads to.

        Raises:
            AssertionError: it leads nowhere.
        """
        found = self.host.run("readlink -e %s", str(self.declared.current))
        assert found.rc == 0, f"{self.declared.current} leads nowhere"
        return str(found.stdout).strip()

    def content(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            AssertionError: it can't be read.
        """
        done = self.shell.run(["cat", "--", path], timeout=PROBE_SECONDS)
        assert done.returncode == 0, f"{path} can't be read"
        return done.stdout

    def files_with(self, secret: str, places: list[str]) -> list[str]:
        """The files that hold a secret, which is looked for without standing in any command line.

        Args:
            secret: the text.
            places: directories, files or shell patterns of files.
        """
        command = f"grep -rlsFf - -- {' '.join(places)}"
        done = self.shell.run(command, stdin=secret.encode(), timeout=PROBE_SECONDS)
        return done.stdout.decode(errors="replace").splitlines()

    def psql(self, question: str) -> list[dict[str, Any]]:
        """Rows that a SELECT gives to the superuser of the PostgreSQL on this host.

        Raises:
            AssertionError: PostgreSQL does not answer.
        """
        as_json = f"SELECT coalesce(json_agg(answer), '[]') FROM ({question}) answer"
        found = self.host.run("runuser -u postgres -- psql -XAtqc %s", as_json)
        assert found.rc == 0, f"PostgreSQL does not answer: {found.stderr.strip()}"
        return list(json.loads(found.stdout))

    def log_end(self) -> str:
        """The end of the logs that belong to a failed check; fetched once a run."""
        if ("log",) not in self._answers:
            self._answers["log",] = self._log_end()
        return str(self._answers["log",])

    def _log_end(self) -> str:
        if SERVICE in self.declared.host.groups:
            logs = self.declared.pm2_home / "logs"
            files = [f"{logs}/{self.declared.service_app}-{kind}*.log" for kind in ("error", "out")]
            units = [self.declared.pm2_unit, "baileys-*"]
        else:
            files, units = ["/var/log/postgresql/*.log"], ["postgresql*"]
        tails = " ".join(f"tail -n {LOG_LINES} {pattern};" for pattern in files)
        journal = " ".join(f"-u {shlex.quote(unit)}" for unit in units)
        command = f"{tails} journalctl --no-pager -q -n {LOG_LINES} {journal}"
        done = self.shell.run(command, timeout=PROBE_SECONDS)
        return done.stdout.decode(errors="replace").strip()

    def close(self) -> None:
        """End the database connection and the shell."""
        self.database.close()
        self.shell.close()
