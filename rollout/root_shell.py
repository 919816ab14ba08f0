"""One root shell on a host, kept open: each command is a line to it, not a process of ssh's own.

A command over ssh's shared connection costs an ssh and a sudo process, 9 to 13 ms (docs/facts.md section 5,
"testinfra"); a line to a program that already runs there costs the shell that it starts, and nothing
is left on the host when the connection ends.
"""

from __future__ import annotations

import base64
import json
import select
import shlex
import subprocess
import time
from collections.abc import Sequence
from statistics import median
from types import TracebackType

from rollout.errors import OperatorError

# What runs on the host, on Python 3.10 or newer. It ends with its standard input.
AGENT = """
import base64, json, subprocess, sys
for line in sys.stdin.buffer:
    asked = json.loads(line)
    done = subprocess.run(
        ["/bin/sh", "-c", asked["command"]],
        input=base64.b64decode(asked["stdin"]), capture_output=True,
    )
    out, err = (base64.b64encode(data).decode() for data in (done.stdout, done.stderr))
    print(json.dumps([done.returncode, out, err]), flush=True)
"""
ON_THE_HOST = shlex.join(["sudo", "-n", "--", "python3", "-u", "-c", AGENT])
PIECE = 1 << 16
TRIALS = 15


class RootShell:
    """A program that runs commands as root and is asked line by line. A context manager.

    Args:
        argv: what starts it: ``Connections.argv(host, ON_THE_HOST)``.
        host: the host's name, for errors.
        remedy: the command with which an operator tries the login.
    """

    def __init__(self, argv: Sequence[str], host: str, remedy: str) -> None:
        self._host = host
        self._remedy = remedy
        self._rest = b""
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self, command: str | Sequence[str], *, stdin: bytes = b"", timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host, as root.

        Args:
            command: text for a shell, or words, which are quoted; never a secret.
            stdin: what the command reads.
            timeout: seconds.

        Returns:
            Its exit code, output and errors.

        Raises:
            OperatorError: the host went away, or the time is over; the shell is of no use then.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        asked = {"command": text, "stdin": base64.b64encode(stdin).decode()}
        self.commands += 1
        try:
            self._send(json.dumps(asked).encode() + b"\n")
            code, out, err = json.loads(self._line(time.monotonic() + timeout))
        except TimeoutError:
            self.close()
            raise OperatorError(
                f"{self._host} did not finish within {timeout:.0f} s: {text[:120]}", self._remedy
            ) from None
        except (OSError, ValueError):
            raise OperatorError(f"{self._host}: {self._complaint()}", self._remedy) from None
        return subprocess.CompletedProcess(text, code, base64.b64decode(out), base64.b64decode(err))

    def cost_ms(self) -> float:
        """What a command costs that does nothing: the median of some round trips, in milliseconds."""
        taken = []
        for _ in range(TRIALS):
            began = time.perf_counter()
            self.run("true", timeout=10)
            taken.append((time.perf_counter() - began) * 1000)
        self.commands -= TRIALS
        return median(taken)

    def close(self) -> None:
        """End the program on the host."""
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _send(self, line: bytes) -> None:
        assert self._child.stdin is not None
        view = memoryview(line)
        while view:
            view = view[self._child.stdin.write(view) or 0 :]

    def _line(self, until: float) -> bytes:
        assert self._child.stdout is not None
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            ready, _, _ = select.select(
                [self._child.stdout], [], [], max(0.0, until - time.monotonic())
            )
            if not ready:
                raise TimeoutError
            piece = self._child.stdout.read(PIECE)
            if not piece:
                raise ConnectionError
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def _complaint(self) -> str:
        self.close()
        assert self._child.stderr is not None
        said = self._child.stderr.read().decode(errors="replace").strip().splitlines()
        if any("python3" in line and "not found" in line for line in said):
            return "there is no python3, which the checks need"
        return said[-1] if said else "the connection broke"
