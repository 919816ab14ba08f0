"""What is left of the file sessions beside their directories."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

NAME = '"$name"'


class PresentFiles(FactBase[list[str]]):
    """Which of some files exist below a directory, in their order."""

    test = "[ -e {name} ]"

    def command(self, directory: str, names: Sequence[str]) -> StringCommand:
        """Names are relative to the directory."""
        script = (
            'cd "$1" 2>/dev/null || exit 0; shift; '
            f'for name; do {self.test.format(name=NAME)} && echo "$name"; done; true'
        )
        return StringCommand(
            "sh", "-c", QuoteString(script), "sh", QuoteString(directory), *map(QuoteString, names)
        )

    @staticmethod
    def default() -> list[str]:
        """None is there."""
        return []

    def process(self, output: list[str]) -> list[str]:
        """The names."""
        return list(output)


class ExecutableFiles(PresentFiles):
    """Which of some files exist below a directory and can be executed by somebody, in their order."""

    test = '[ -f {name} ] && [ -n "$(find {name} -perm /111)" ]'


class CrontabLines(FactBase[list[str]]):
    """The lines of a user's crontab that hold one of some texts."""

    def command(self, user: str, texts: Sequence[str]) -> StringCommand:
        """A user without a crontab has no lines."""
        patterns = [part for text in texts for part in ("-e", QuoteString(text))]
        return StringCommand(
            "crontab -l -u", QuoteString(user), "2>/dev/null | grep -F", *patterns, "|| true"
        )

    @staticmethod
    def default() -> list[str]:
        """No line."""
        return []

    def process(self, output: list[str]) -> list[str]:
        """The lines."""
        return list(output)
