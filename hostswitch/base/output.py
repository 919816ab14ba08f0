"""Results on stdout (one JSON object a line), progress on stderr; neither may stop a switch.

The switch outlives its controller: a closed pipe must not kill it, and a full one that nobody
reads must not hold it up while the service is stopped.
"""

from __future__ import annotations

import json
import os
import select
import signal
from typing import Any

from sessionstore.errors import printable

_PIECE = 4096  # PIPE_BUF: what poll() promises to fit without blocking
_PATIENCE_MS = 2000
_LONGEST = 8000

_deaf: set[int] = set()


def survive_controller() -> None:
    """Ignore what a dying controller sends: SIGHUP, and SIGPIPE on writing."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def emit(event: str, **fields: Any) -> None:
    """Write one result line to stdout; the event of a command's last one is "result"."""
    _write(1, json.dumps({"event": event, **fields}, ensure_ascii=True) + "\n")


def told(text: str) -> str:
    """A text as people get it: no control character or torn one but line ends, and no megabytes."""
    lines = "\n".join(printable(line) for line in text[:_LONGEST].split("\n"))
    return (
        lines if len(text) <= _LONGEST else f"{lines} … ({len(text) - _LONGEST:,} characters more)"
    )


def progress(text: str) -> None:
    _write(2, told(text) + "\n")


def _write(descriptor: int, text: str) -> None:
    if descriptor in _deaf:
        return
    data = text.encode("utf-8", "backslashreplace")
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    while data:
        try:
            if not poller.poll(_PATIENCE_MS):
                raise BlockingIOError
            data = data[os.write(descriptor, data[:_PIECE]) :]
        except OSError:
            # Nobody listens any more. History keeps the result for the next run.
            _deaf.add(descriptor)
            return
