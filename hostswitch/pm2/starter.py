"""`pm2 start`, loaded and connected before the service is stopped: the start itself then takes no time.

While the service is down a start of Node.js and of PM2's client (0.4 s of processor time) would be time
without service. So PM2's documented Node.js interface does it, in a process that waits for a word.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import time
from pathlib import Path

from hostswitch.base import child
from hostswitch.base.errors import HostError
from hostswitch.base.user import Account

_READY_SECONDS = 60
_READY = b"ready\n"
# What the service inherits is what `pm2 start` on a terminal gives it, without the names by which
# PM2 knows that it is used from a program. Without the word (this program died) nothing is started.
_SCRIPT = """
const [library] = process.argv.slice(1)
const pm2 = require(library)
delete process.env.PM2_PROGRAMMATIC
process.env.PM2_USAGE = 'CLI'
const forget = () => process.exit(1)
process.stdin.once('end', forget)
pm2.connect(problem => {
  if (problem) process.exit(1)
  process.stdout.write('ready\\n')
  let word = ''
  process.stdin.on('data', piece => {
    word += piece
    if (!word.endsWith('\\n')) return
    process.stdin.off('end', forget)
    const { apps, resting } = JSON.parse(word)
    pm2.start({ apps }, problem => listStopped(resting, () => process.exit(problem ? 1 : 0)))
  })
})
// As `pm2 resurrect` does it; a start, and a restart by its cron, would run one that is not to be started.
const Common = require(library + '/lib/Common.js')
const listStopped = ([entry, ...others], done) => {
  if (!entry) return done()
  const [verified] = Common.verifyConfs([entry])
  const app = Common.resolveAppAttributes({ cwd: entry.cwd, pm2_home: pm2.pm2_home }, verified)
  app.env.PM2_HOME = pm2.pm2_home
  app.env = Common.mergeEnvironmentVariables(app, undefined, {})
  delete app.env.current_conf
  delete app.instances
  Object.assign(app, { status: 'stopped', restart_time: 0, unstable_restarts: 0 })
  pm2.Client.executeRemote('prepare', app, () => listStopped(others, done))
}
"""


class StarterError(HostError):
    """PM2's client could not be loaded; nothing was started."""


class Starter:
    """A start of apps that waits for the word; it starts them once, or never."""

    def __init__(self, account: Account, home: Path) -> None:
        """Begin to load. Raises StarterError."""
        words = ["node", "-e", _SCRIPT, library(account.search_path)]
        self._child = account.popen(words, environment={"PM2_HOME": str(home)})
        self._ready = False

    def wait_ready(self) -> None:
        """Wait until only the word is missing. Raises StarterError: the client does not get there."""
        if self._ready:
            return
        assert self._child.stdout
        if not _line_comes(self._child.stdout.fileno(), _READY, _READY_SECONDS):
            child.end(self._child)
            raise StarterError("PM2's client can't be loaded. As the service's user: pm2 ls")
        self._ready = True

    @property
    def waits(self) -> bool:
        return self._child.poll() is None

    def give_up(self) -> None:
        with self._child:
            if self.waits:
                child.end(self._child)

    def go(self, word: bytes, seconds: float) -> None:
        """Give the word, which names the apps; whether they live is not known then. Raises StarterError."""
        assert self._child.stdin
        try:
            # One that has ended already is for the gate to find out.
            with contextlib.suppress(BrokenPipeError), self._child.stdin as pipe:
                pipe.write(word + b"\n")
            child.finish(self._child, seconds)
        except child.EndlessError as error:
            raise StarterError(f"`pm2 start` {error}") from None


def library(search_path: str) -> str:
    program = shutil.which("pm2", path=search_path)
    package = Path(os.path.realpath(program or "")).parent.parent
    if program is None or not (package / "index.js").is_file():
        raise StarterError("PM2 is not installed here. Stage the host: rollout apply (role host)")
    return str(package)


def _line_comes(descriptor: int, line: bytes, seconds: float) -> bool:
    """Whether this line is written within some seconds, whatever precedes it."""
    end, said = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not said.endswith(line):
            if not selector.select(max(0.0, end - time.monotonic())):
                return False
            piece = os.read(descriptor, 4096)
            if not piece:
                return False
            said = (said + piece)[-4096:]
    return True
