"""A child process that tells of several hosts at once, over a pipe for each."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from rollout.checkout import ROOT
from rollout.processes.children import each, following

Result = TypeVar("Result")


def run_reporting(
    command: Callable[[str, str], Sequence[str]],
    given: Any,
    readers: Sequence[Callable[[Iterable[str]], Result]],
    **environment: str,
) -> tuple[list[Result], int, str]:
    """Run a child to its end, each reader with the lines of one pipe in a thread of its own.

    ``command`` gets the number of the descriptor from which the child reads what it is given, and those
    of its pipes, with commas. Returns what the readers did, its exit code, and all else that it said.
    """
    pipes = [os.pipe() for _ in readers]
    ends = [writing for _, writing in pipes]
    with _in_memory(given) as descriptor, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command(str(descriptor), ",".join(map(str, ends))),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[descriptor, *ends],
            # The terminal's Ctrl-C reaches the command only, which then decides.
            start_new_session=True,
        )
        with following(child), ExitStack() as streams:
            lines = [streams.enter_context(os.fdopen(reading)) for reading, _ in pipes]
            for writing in ends:
                os.close(writing)
            pairs = list(zip(readers, lines, strict=True))
            results = each(pairs, lambda pair: pair[0](pair[1]), len(pairs))
            code = child.wait()
        output.seek(0)
        return results, code, output.read().decode(errors="replace")


@contextmanager
def _in_memory(data: Any) -> Iterator[int]:
    """A descriptor from which a child can read JSON with secrets, which are on no disk."""
    descriptor = os.memfd_create("given")
    try:
        os.write(descriptor, json.dumps(data).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
