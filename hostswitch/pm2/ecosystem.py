"""PM2's description of the apps (its ecosystem file), and whether PM2 runs them as it says.

PM2 keeps how it started an app: `pm2 restart` does not read the file again (docs/facts.md section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hostswitch.base.answer import understood
from hostswitch.base.errors import HostError
from hostswitch.base.user import Account, CommandFailedError

_READ = "process.stdout.write(JSON.stringify(require(process.argv[1]).apps))"
Description = Mapping[str, Mapping[str, Any]]


class EcosystemError(HostError):
    """The file is missing or can't be understood."""


def read(account: Account, path: str) -> Description:
    """The apps of the ecosystem file by name, as Node.js evaluates it."""
    try:
        apps: list[dict[str, Any]] = understood(account.run(["node", "-e", _READ, path]))
        return {app["name"]: app for app in apps}
    except (CommandFailedError, ValueError, KeyError, TypeError):
        raise EcosystemError("PM2's ecosystem file can't be read") from None
