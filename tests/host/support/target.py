"""One host under check: testinfra's view of it, small probes, its service and its database."""

import base64
import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hostswitch.record.history import Line, lines_of
from rollout.environment.environment import SERVICE
from rollout.errors import OperatorError
from rollout.hosts.root_shell import ON_THE_HOST, RootShell
from rollout.hosts.ssh import Connections, login_command

from .backend import ROOT, SECONDS, THEIR_SECONDS, Backend, Testinfra
from .database import Database
from .declared import STATE, Declared

PROBES = Path(__file__).parent.parent / "probes"
ARCHIVE_SECONDS = 900
LOG_LINES = 15
LARGEST_FILE = 4 * 2**20
LOG_BYTES = 2**16
LOG_FILES = 20
# The probes' texts come as arguments: standard input is for secrets.
RUN_PROBE = """
import json, sys, types
reading = types.ModuleType("tests.host.probes.reading")
sys.modules[reading.__name__] = reading
exec(sys.argv[1], reading.__dict__)
probe = types.ModuleType("probe").__dict__
exec(sys.argv[2], probe)
json.dump(probe[sys.argv[3]](*sys.argv[4:]), sys.stdout)
"""


class Target:
    """A host that answers. Raises OperatorError: it can't be reached, or logged in to as root.

    What a property can't tell, because the host is not as it should be, is an AssertionError.
    """

    def __init__(self, declared: Declared, connections: Connections) -> None:
        self.declared = declared
        host = declared.host
        # The first command opens the connection, and tells well what is wrong with it.
        connections.run(host, "true", sudo=True, timeout=SECONDS)
        self.shell = RootShell(connections.argv(host, ON_THE_HOST), host.name, login_command(host))
        # Where root's program does not start, no check needs to try it, or the database, again.
        self.shell.run(["true"], timeout=SECONDS)
        backend = Backend(self.shell, host.address)
        # testinfra finds its modules (file, package, user) at run time, so this can't be typed.
        self.host: Any = Testinfra(backend)
        backend.set_host(self.host)
        self._answers: dict[tuple[str, ...], Any] = {}
        self.pm2_asked_at: float | None = None
        self.database = Database(declared, connections)

    @property
    def user(self) -> str:
        """Whose the host's programs and files are: what may look at them, and be misled by them."""
        on_service = SERVICE in self.declared.host.groups
        return self.declared.service_user if on_service else "postgres"

    def probe(self, name: str, *arguments: str, **asked: Any) -> Any:
        """As ``probe_anew``, but asked once a run; so is what failed."""
        key = (name, *arguments)
        if key not in self._answers:
            try:
                self._answers[key] = self.probe_anew(name, *arguments, **asked)
            except OperatorError as error:
                self._answers[key] = error
        if isinstance(self._answers[key], OperatorError):
            raise self._answers[key]
        return self._answers[key]

    def probe_anew(
        self,
        name: str,
        *arguments: str,
        as_root: bool = False,
        stdin: bytes = b"",
        seconds: float | None = None,
    ) -> Any:
        """What a function of `probes/` sees on the host; nothing of it is left there.

        Args:
            name: file and function, with a point between them.
            arguments: never a secret; that comes on standard input.
            as_root: instead of with the rights of `user`: only for what that user can't read, and for
                probes that open nothing of that user's.
        """
        file, _, function = name.partition(".")
        texts = [(PROBES / f"{one}.py").read_text() for one in ("reading", file)]
        done = self.shell.run(
            ["python3", "-I", "-c", RUN_PROBE, *texts, function, *arguments],
            stdin=stdin,
            timeout=seconds or (SECONDS if as_root else THEIR_SECONDS),
            user=ROOT if as_root else self.user,
        )
        try:
            return json.loads(done.stdout)
        except (ValueError, RecursionError):
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise OperatorError(
            f"{self.declared.host.name}: the probe {name} failed: {lines[-1]}",
            f"mend what it says; if that is no help, on {self.declared.host.name}: python3 --version "
            "(3.10 or newer is needed)",
        )

    @property
    def pm2(self) -> dict[str, Any]:
        """PM2's daemon, list and dump, without what is secret in them (`probes/pm2.py`)."""
        self.pm2_asked_at = self.pm2_asked_at or time.monotonic()
        return dict(self.probe(*self._pm2))

    def pm2_anew(self) -> dict[str, Any]:
        return dict(self.probe_anew(*self._pm2))

    @property
    def _pm2(self) -> list[str]:
        names = [*self.declared.flags, *self.declared.password_names]
        return ["pm2.state", str(self.declared.pm2_home), *names]

    @property
    def app(self) -> dict[str, Any]:
        """The service's one entry in PM2's list."""
        assert self.pm2["daemon"], f"no PM2 daemon of {self.declared.service_user} is running"
        name = self.declared.service_app
        entries = [app for app in self.pm2["apps"] if app["name"] == name]
        assert len(entries) == 1, f"PM2 lists {name} {len(entries)} times instead of once"
        return dict(entries[0])

    @property
    def pid(self) -> int:
        """The service's process."""
        pid = self.app["pid"]
        assert isinstance(pid, int) and pid > 0, (
            f"{self.declared.service_app} has no process; PM2 calls it {self.app['status']}"
        )
        return pid

    @property
    def status(self) -> dict[str, Any]:
        """What the service's status endpoint answers."""
        assert self.declared.status_url, "this kind of service has no endpoint"
        answer = self.probe("status.answer", self.declared.status_url)
        assert "answer" in answer, f"{self.declared.status_url}: {answer.get('problem')}"
        return dict(answer["answer"])

    @cached_property
    def release(self) -> str:
        """Where `current` leads to."""
        found = self.host.run("readlink -e %s", str(self.declared.current), user=self.user)
        assert found.rc == 0, f"{self.declared.current} leads nowhere"
        return str(found.stdout).strip()

    def content(self, path: str, *, as_root: bool = False) -> bytes:
        """A file's bytes, whatever lies there; asked once a run. As root only where root alone can write."""
        found = self.probe("files.ends", str(LARGEST_FILE), path, as_root=as_root)[path]
        assert "end" in found, f"{path} can't be read: {found.get('problem')}"
        assert found["size"] <= LARGEST_FILE, f"{path} has {found['size']} bytes"
        return base64.b64decode(found["end"])

    @property
    def history(self) -> list[Line]:
        """The host's own record of what was done to it; empty where nothing was rolled out yet."""
        path = str(STATE / "history.jsonl")
        return lines_of(self.content(path, as_root=True)) if self.host.file(path).exists else []

    def ends(self, paths: Sequence[str], most: int) -> dict[str, str]:
        """The ends of those files that can be read, each of some bytes at most."""
        found = self.probe("files.ends", str(most), *paths)
        return {
            path: base64.b64decode(one["end"]).decode(errors="replace")
            for path, one in found.items()
            if "end" in one
        }

    def fetch(self, path: str, into: Path) -> None:
        """Copy a file of root's that may be large."""
        words = ["dd", f"if={path}", f"bs={LARGEST_FILE}", "count=1", "status=none"]
        with into.open("wb") as file:
            while file.tell() % LARGEST_FILE == 0:
                skipped = f"skip={file.tell() // LARGEST_FILE}"
                done = self.shell.run([*words, skipped], timeout=SECONDS)
                assert done.returncode == 0, f"{path} can't be read"
                if not done.stdout:
                    break
                file.write(done.stdout)

    def files_with(self, secret: str, places: Sequence[str]) -> list[str]:
        """The files that hold a secret, in places where root alone can write; no command line has it."""
        words = ["grep", "-rlsF", "-D", "skip", "-f", "-", "--", *places]
        done = self.shell.run(words, stdin=secret.encode(), timeout=SECONDS)
        return done.stdout.decode(errors="replace").splitlines()

    def psql(self, question: str) -> list[dict[str, Any]]:
        """Rows that a SELECT gives to the superuser of the PostgreSQL on this host."""
        as_json = f"SELECT coalesce(json_agg(answer), '[]') FROM ({question}) answer"
        found = self.host.run("psql -XAtqc %s", as_json, user="postgres")
        assert found.rc == 0, f"PostgreSQL does not answer: {found.stderr.strip()}"
        return list(json.loads(found.stdout))

    def log_end(self) -> str:
        """The end of the logs that belong to a failed check."""
        if SERVICE in self.declared.host.groups:
            place, units = f"{self.declared.pm2_home}/logs", [self.declared.pm2_unit, "baileys-*"]
            names = [f"{self.declared.service_app}-{kind}*.log" for kind in ("error", "out")]
        else:
            place, units, names = "/var/log/postgresql", ["postgresql*"], ["*.log"]
        words = ["find", place, "-maxdepth", "1", "(", "-false"]
        words += [word for name in names for word in ("-o", "-name", name)]
        listed = self.shell.run([*words, ")", "-print0"], timeout=THEIR_SECONDS, user=self.user)
        paths = sorted(listed.stdout.decode(errors="replace").split("\0")[:-1])[:LOG_FILES]
        ends = self.ends(paths, LOG_BYTES) if paths else {}
        tails = [line for end in ends.values() for line in end.splitlines()[-LOG_LINES:]]
        journal = ["journalctl", "--no-pager", "-q", "-n", str(LOG_LINES)]
        journal += [f"--unit={unit}" for unit in units]
        done = self.shell.run(journal, timeout=SECONDS)
        return "\n".join([*tails, done.stdout.decode(errors="replace")]).strip()

    def close(self) -> None:
        self.database.close()
        self.shell.close()
