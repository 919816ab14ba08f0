"""One program of root's on a host, kept open: each command is a line to it, not a process of ssh's own.

A command over ssh's shared connection costs an ssh and a sudo process, 9 to 13 ms (docs/facts.md section 5,
"testinfra"); a line to a program that already runs there costs the process that it starts, and nothing
is left on the host when the connection ends.

A command is a list of words, and no shell reads it: what a host answered can't become a part of one.
"""

from __future__ import annotations

import base64
import json
import select
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from hostswitch.base import child
from hostswitch.base.places import SEARCH_PATH
from rollout.errors import OperatorError

# Bytes that another user's program may take: enough for Node.js, and no host runs out of it.
MEMORY = 512 << 20
# What runs on the host, on Python 3.10 or newer. It ends with its standard input.
AGENT = f"""{Path(child.__file__).read_text()}
import base64, json, pwd, sys

def answer(command, stdin, seconds, user):
    try:
        known = pwd.getpwnam(user)
        environment = dict(HOME=known.pw_dir, USER=user, LOGNAME=user, LANG="C.UTF-8")
        rights = dict(env=dict(environment, PATH={SEARCH_PATH!r}))
        if known.pw_uid != os.geteuid():
            groups = os.getgrouplist(user, known.pw_gid)
            command = ["prlimit", "--data={MEMORY}", "--", *command]
            rights.update(user=known.pw_uid, group=known.pw_gid, extra_groups=groups)
        done = run(command, seconds=seconds, given=base64.b64decode(stdin), **rights)
    except EndlessError as error:
        return 0, b"", b"", str(error)
    except (KeyError, OSError, ValueError) as error:
        return 127, b"", f"{{command[0]}} as {{user}}: {{error}}".encode(errors="replace"), ""
    return done.code, done.output, done.errors, ""

for line in sys.stdin.buffer:
    code, out, err, cut = answer(**json.loads(line))
    out, err = (base64.b64encode(data).decode() for data in (out, err))
    print(json.dumps([code, out, err, cut]), flush=True)
"""
ON_THE_HOST = shlex.join(["sudo", "-n", "--", "python3", "-I", "-u", "-c", AGENT])
PIECE = 1 << 16
# An answer's texts in base64, and the little around them.
LARGEST_LINE = (child.LARGEST + PIECE) * 4 // 3 + PIECE
GRACE = 5.0
TRIALS = 15


class RootShell:
    """A program, started by ``argv``, that runs commands as root, line by line. A context manager."""

    def __init__(self, argv: Sequence[str], host: str, remedy: str) -> None:
        self._host = host
        self._remedy = remedy
        self._rest = b""
        self._gone: OperatorError | None = None
        self.commands = 0
        self._child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def __enter__(self) -> RootShell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, words: Sequence[str], *, timeout: float, stdin: bytes = b"", user: str = "root"
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host as a user, in a session of its own; never a secret among its words.

        What takes too long or says too much is ended there, and raised; where the host went away, every
        later command fails at once, with the same error.
        """
        if self._gone:
            raise self._gone
        given = base64.b64encode(stdin).decode()
        asked = {"command": list(words), "user": user, "seconds": timeout, "stdin": given}
        self.commands += 1
        end = time.monotonic() + timeout + GRACE
        try:
            self._send(json.dumps(asked).encode() + b"\n", end)
            code, *said, cut = json.loads(self._line(end))
            out, err = map(base64.b64decode, said)
            done = subprocess.CompletedProcess(list(words), int(code), out, err)
        except TimeoutError:
            self.close()
            silent = f"did not answer within {timeout + GRACE:.0f} s: {shlex.join(words)[:120]}"
            raise self._ended(f"{self._host} {silent}") from None
        except (OSError, ValueError, TypeError):
            raise self._ended(f"{self._host}: {self._complaint()}") from None
        if cut:
            raise OperatorError(f"{self._host} {cut}: {shlex.join(words)[:120]}", self._remedy)
        return done

    def cost_ms(self) -> float:
        """What a command costs that does nothing: the median of some round trips, in milliseconds."""
        taken = []
        for _ in range(TRIALS):
            began = time.perf_counter()
            self.run(["true"], timeout=10)
            taken.append((time.perf_counter() - began) * 1000)
        self.commands -= TRIALS
        return median(taken)

    def close(self) -> None:
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _send(self, line: bytes, until: float) -> None:
        assert self._child.stdin is not None
        view = memoryview(line)
        while view:
            self._wait([], [self._child.stdin], until)
            # A pipe that takes anything takes this much at once.
            view = view[self._child.stdin.write(view[: select.PIPE_BUF]) or 0 :]

    def _wait(self, readable: list[Any], writable: list[Any], until: float) -> None:
        if not any(select.select(readable, writable, [], max(0.0, until - time.monotonic()))):
            raise TimeoutError

    def _line(self, until: float) -> bytes:
        assert self._child.stdout is not None
        pieces, size = [self._rest], len(self._rest)
        while b"\n" not in pieces[-1]:
            self._wait([self._child.stdout], [], until)
            piece = self._child.stdout.read(PIECE)
            size += len(piece or b"")
            if not piece or size > LARGEST_LINE:
                raise ConnectionError
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def _ended(self, why: str) -> OperatorError:
        self._gone = OperatorError(why, self._remedy)
        return self._gone

    def _complaint(self) -> str:
        self.close()
        assert self._child.stderr is not None
        ready = select.select([self._child.stderr], [], [], GRACE)[0]
        said = self._child.stderr.read(PIECE) if ready else b""
        lines = (said or b"").decode(errors="replace").strip().splitlines()
        if any("python3" in line and "not found" in line for line in lines):
            return "there is no python3, which the checks need"
        return lines[-1] if lines else "the connection broke"
