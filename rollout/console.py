"""What people see: colour only on a terminal, 80 columns, progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 80


def stdout_console() -> Console:
    """The console for results: the terminal's width, 80 columns at most."""
    console = Console(highlight=False, soft_wrap=False)
    return Console(highlight=False, width=min(console.width, WIDTH))


class Progress:
    """Lines on stderr that say what is being done, with the seconds that it took.

    On a terminal the current step stands in one line that is replaced; elsewhere each step is a
    line when it begins.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = sys.stderr.isatty()
        self._started = time.monotonic()

    def detail(self, text: str) -> None:
        """Something short within a step; only a terminal shows it."""
        if self._live:
            self.step(text)

    def step(self, text: str) -> None:
        """A step begins."""
        seconds = time.monotonic() - self._started
        line = Text(f"{seconds:6.1f} s  {text}"[: self._console.width - 1])
        if self._live:
            self._console.print(Text("\r\x1b[K", end=""), line, end="", sep="")
        else:
            self._console.print(line)

    def done(self) -> None:
        """Leave the terminal with a clean line."""
        if self._live:
            self._console.file.write("\r\x1b[K")
            self._console.file.flush()


@contextmanager
def progress() -> Iterator[Progress]:
    """A ``Progress`` that cleans up after itself, whatever happens."""
    shown = Progress()
    try:
        yield shown
    finally:
        shown.done()


def table(title: str, rows: Sequence[Sequence[str]], headings: Sequence[str] = ()) -> Table:
    """A plain table that fits 80 columns.

    Args:
        title: its title; empty for none.
        rows: the cells, row by row.
        headings: column titles; none shows no heading line.
    """
    shown = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=bool(headings),
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    columns = headings or [""] * (len(rows[0]) if rows else 1)
    for heading in columns:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown
