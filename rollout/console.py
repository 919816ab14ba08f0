"""What people see: colour only on a terminal, 80 columns, progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sessionstore.errors import printable

WIDTH, NARROWEST = 80, 20


def harmless(text: str) -> str:
    """A text that anybody may have written; what moves the cursor or hides something is escaped."""
    return "\n".join(printable(line.expandtabs()) for line in text.split("\n"))


class HarmlessConsole(Console):
    """A console that shows what it is given: no control character, and no markup is one here."""

    def print(self, *objects: Any, **options: Any) -> None:
        shown = [harmless(one) if isinstance(one, str) else one for one in objects]
        super().print(*shown, markup=False, **options)


def stdout_console() -> Console:
    """The console for results: the terminal's width, 80 columns at most; one of none would show nothing."""
    return HarmlessConsole(highlight=False, width=max(NARROWEST, min(Console().width, WIDTH)))


class ProgressConsole(Console):
    """A console whose reader may go away: a terminal that was closed ends no rollout half way."""

    def on_broken_pipe(self) -> None:
        """Nobody reads any more; rich would end the thread."""
        self.quiet = True


@dataclass(frozen=True)
class HostProgress:
    """What is being done on one host; other hosts may be at work beside it."""

    _shown: Progress
    _host: str

    def step(self, text: str) -> None:
        self.detail(text)
        if not self._shown.on_terminal:
            self._shown.say(f"{self._host}: {text}")

    def detail(self, text: str) -> None:
        """Something short within a step; only a terminal shows it."""
        self._shown.steps = {**self._shown.steps, self._host: text}

    def ended(self, text: str = "") -> None:
        """Nothing more is done on this host; a text, how it ended, stays on the screen."""
        steps = self._shown.steps
        self._shown.steps = {name: step for name, step in steps.items() if name != self._host}
        if text:
            self._shown.say(f"{self._host}: {text}")


class Progress:
    """What is being done, on stderr, with the seconds since the beginning.

    On a terminal each host at work has a line, which its current step replaces, and which goes away
    when it has ended; elsewhere each step is a line when it begins. May be used by several threads.
    """

    def __init__(self) -> None:
        self._console = ProgressConsole(stderr=True, highlight=False)
        self._started = time.monotonic()
        self.on_terminal = sys.stderr.isatty()
        self.steps: dict[str, str] = {}  # by host; replaced as a whole, for it is read by a thread
        self.live = Live(
            console=self._console,
            transient=True,
            get_renderable=self._lines,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def of(self, host: str) -> HostProgress:
        return HostProgress(self, host)

    def say(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(self._line(text), soft_wrap=True)  # one line a step, for grep

    def _lines(self) -> Group:
        return Group(*(self._line(f"{host}: {step}") for host, step in self.steps.items()))

    def _line(self, text: str) -> Text:
        seconds = time.monotonic() - self._started
        return Text(f"{seconds:6.1f} s  {harmless(text)}", no_wrap=True, overflow="ellipsis")


@contextmanager
def progress() -> Iterator[Progress]:
    """A ``Progress`` that leaves the terminal with a clean line, whatever happens."""
    shown = Progress()
    if shown.on_terminal:
        shown.live.start()
    try:
        yield shown
    finally:
        with suppress(OSError):
            shown.live.stop()


def table(rows: Sequence[Sequence[str]], headings: Sequence[str] = ()) -> Table:
    """A plain table that fits 80 columns."""
    shown = Table(box=None, show_header=bool(headings), pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings or [""] * (len(rows[0]) if rows else 1):
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(harmless(cell)) for cell in row))
    return shown
