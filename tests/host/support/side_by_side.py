"""Each host's checks in a process of its own, side by side, forked when everything is imported.

Most of a check is waiting for its host, so hosts are checked at the same time; and what the checks need
is imported, collected and declared once, however many hosts there are.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest

import pytest

from rollout.processes.forked import run_forked

from .reporting import Reporter, host_of

# Bytes for the checks of one host: a million rows take 600 MB, and a database may answer without end.
MEMORY = 4 << 30


class SideBySide:
    """The pytest plugin that runs the checks host by host.

    Args:
        descriptors: by host, the open file descriptor that its JSON lines go to.
        at_once: how many hosts at the same time, at most.
    """

    def __init__(self, reporter: Reporter, descriptors: Mapping[str, int], at_once: int) -> None:
        self._reporter = reporter
        self._descriptors = descriptors
        self._at_once = at_once

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Take the place of pytest's own loop, which runs one check after the other."""
        if session.testsfailed:
            # What could not be collected: pytest's own loop says so.
            return None
        acts = [
            partial(
                self._check,
                [item for item in session.items if host_of(item) == host],
                descriptor,
            )
            for host, descriptor in self._descriptors.items()
        ]
        codes = run_forked(acts, self._at_once)
        session.testsfailed = sum(code != 0 for code in codes)
        return True

    def _check(self, items: Sequence[pytest.Item], descriptor: int) -> int:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
        with os.fdopen(descriptor, "w", buffering=1) as lines:
            self._reporter.begin(lines, len(items))
            for item, following in zip_longest(items, items[1:]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._reporter.end()
        return int(items[0].session.testsfailed > 0) if items else 0
