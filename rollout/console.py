"""What people see: colour only on a terminal, 80 columns, progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sessionstore.errors import printable

WIDTH, NARROWEST = 80, 20


def harmless(text: str) -> str:
    """A text with what would move the cursor or hide something as escapes; its lines stay lines.

    Hosts name files, and show the ends of logs, that anybody may have written.
    """
    return "\n".join(printable(line.expandtabs()) for line in text.split("\n"))


class HarmlessConsole(Console):
    """A console that shows what it is given: no control character, and no markup is one here."""

    def print(self, *objects: Any, **options: Any) -> None:
        shown = [harmless(one) if isinstance(one, str) else one for one in objects]
        super().print(*shown, markup=False, **options)


def stdout_console() -> Console:
    """The console for results: the terminal's width, 80 columns at most; one of none would show nothing."""
    console = Console(highlight=False, soft_wrap=False)
    return HarmlessConsole(highlight=False, width=max(NARROWEST, min(console.width, WIDTH)))


class ProgressConsole(Console):
    """A console whose reader may go away: a terminal that was closed ends no rollout half way."""

    def on_broken_pipe(self) -> None:
        """Nobody reads any more; rich would end the thread."""
        self.quiet = True


class HostProgress:
    """What is being done on one host; other hosts may be at work beside it."""

    def __init__(self, shown: Progress, host: str) -> None:
        self._shown = shown
        self._host = host

    def step(self, text: str) -> None:
        self._shown.begin(self._host, text)

    def detail(self, text: str) -> None:
        """Something short within a step; only a terminal shows it."""
        self._shown.begin(self._host, text, detail=True)

    def ended(self, text: str = "") -> None:
        """Nothing more is done on this host; a text, how it ended, stays on the screen."""
        self._shown.end(self._host, text)


class Progress:
    """What is being done, on stderr, with the seconds since the beginning.

    On a terminal each host at work has a line, which its current step replaces, and which goes away
    when it has ended; elsewhere each step is a line when it begins. May be used by several threads.
    """

    def __init__(self) -> None:
        self._console = ProgressConsole(stderr=True, highlight=False)
        self._started = time.monotonic()
        self._steps: dict[str, str] = {}
        self._live: Live | None = None
        if sys.stderr.isatty():
            self._live = Live(
                console=self._console,
                transient=True,
                get_renderable=self._lines,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def of(self, host: str) -> HostProgress:
        return HostProgress(self, host)

    def begin(self, host: str, text: str, *, detail: bool = False) -> None:
        self._steps = {**self._steps, host: text}
        if self._live is None and not detail:
            self._print(f"{host}: {text}")

    def end(self, host: str, text: str) -> None:
        self._steps = {name: step for name, step in self._steps.items() if name != host}
        if text:
            self._print(f"{host}: {text}")

    def done(self) -> None:
        """Leave the terminal with a clean line."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()

    def _print(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(self._line(text), soft_wrap=True)  # one line a step, for grep

    def _lines(self) -> Group:
        return Group(*(self._line(f"{host}: {step}") for host, step in self._steps.items()))

    def _line(self, text: str) -> Text:
        seconds = time.monotonic() - self._started
        return Text(f"{seconds:6.1f} s  {harmless(text)}", no_wrap=True, overflow="ellipsis")


@contextmanager
def progress() -> Iterator[Progress]:
    """A ``Progress`` that cleans up after itself, whatever happens."""
    shown = Progress()
    try:
        yield shown
    finally:
        shown.done()


def table(rows: Sequence[Sequence[str]], headings: Sequence[str] = ()) -> Table:
    """A plain table that fits 80 columns."""
    shown = Table(
        box=None,
        show_header=bool(headings),
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    columns = headings or [""] * (len(rows[0]) if rows else 1)
    for heading in columns:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(harmless(cell)) for cell in row))
    return shown
