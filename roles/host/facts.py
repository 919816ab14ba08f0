"""What is installed on the host."""

from __future__ import annotations

import json

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase

from roles.shared.shell import Lines, script

FROM_NPM = "/usr/local/"
"""Where Debian's npm installs for the whole host, and where programs are looked for first."""


class GlobalNpmVersion(FactBase[str | None]):
    """Version of an npm package installed for the whole host, or None.

    Read from its ``package.json``: ``npm ls -g`` takes a second, and pyinfra's own fact misreads
    scoped names (docs/facts.md section 5, "Custom operations and facts").
    """

    def command(self, package: str) -> StringCommand:
        manifest = f"{FROM_NPM}lib/node_modules/{package}/package.json"
        return StringCommand("cat", QuoteString(manifest), "2>/dev/null", "||", "true")

    def process(self, output: list[str]) -> str | None:
        text = "".join(output)
        return str(json.loads(text)["version"]) if text else None


class NodeProgram(Lines):
    """Which Node.js the host's programs find: its path and its version without `v`, or nothing."""

    def command(self) -> str:
        return "command -v node && node --version || true"

    def process(self, output: list[str]) -> list[str]:
        return [line.removeprefix("v") for line in output]


class Account(FactBase[dict[str, str] | None]):
    """Home directory and shell of a user, or None.

    pyinfra's own fact describes every user of the host, with a dozen processes for each.
    """

    def command(self, user: str) -> StringCommand:
        return StringCommand("getent passwd", QuoteString(user), "||", "true")

    def process(self, output: list[str]) -> dict[str, str] | None:
        fields = "".join(output).split(":")
        return {"home": fields[5], "shell": fields[6]} if len(fields) == 7 else None


class EnabledUnits(Lines):
    """Which of some systemd units are enabled, in their order."""

    def command(self, units: list[str]) -> StringCommand:
        each = 'systemctl -q is-enabled "$unit" 2>/dev/null && echo "$unit"'
        return script(f"for unit; do {each}; done; true", *units)
