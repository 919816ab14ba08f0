"""What is left of the file sessions beside their directories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

from roles.shared.facts import Lines
from roles.shared.files import FileDigests
from roles.shared.shell import script

NAME = '"$name"'


class PresentFiles(Lines):
    """Which of some files exist below a directory, in their order."""

    test = "[ -e {name} ]"

    def command(self, directory: str, names: Sequence[str]) -> StringCommand:
        """Names are relative to the directory."""
        text = (
            'cd "$1" 2>/dev/null || exit 0; shift; '
            f'for name; do {self.test.format(name=NAME)} && echo "$name"; done; true'
        )
        return script(text, directory, *names)


class ExecutableFiles(PresentFiles):
    """Which of some files exist below a directory and can be executed by somebody, in their order."""

    test = '[ -f {name} ] && [ -n "$(find {name} -perm /111)" ]'


class CrontabLines(Lines):
    """The lines of a user's crontab that hold one of some texts."""

    def command(self, user: str, texts: Sequence[str]) -> StringCommand:
        """A user without a crontab has no lines."""
        patterns = [part for text in texts for part in ("-e", QuoteString(text))]
        return StringCommand(
            "crontab -l -u", QuoteString(user), "2>/dev/null | grep -aF", *patterns, "|| true"
        )


class InstalledTimer(FactBase[dict[str, Any]]):
    """Some files, and whether a systemd timer is enabled and runs: one command for all."""

    def command(self, timer: str, paths: Sequence[str]) -> StringCommand:
        """``is-enabled`` and ``is-active`` print a word each, which may be missing."""
        states = StringCommand(
            "; systemctl is-enabled", QuoteString(timer), "2>/dev/null; systemctl is-active",
            QuoteString(timer), "2>/dev/null; true",
        )  # fmt: skip
        return StringCommand(FileDigests().command(paths), states)

    @staticmethod
    def default() -> dict[str, Any]:
        return {"files": {}, "runs": False}

    def process(self, output: list[str]) -> dict[str, Any]:
        """``files`` as ``FileDigests`` has them, and ``runs``: enabled and active."""
        told = [line for line in output if "|" in line]
        states = [line.strip() for line in output if "|" not in line]
        return {"files": FileDigests().process(told), "runs": states == ["enabled", "active"]}
