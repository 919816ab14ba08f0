"""What an environment declares about a host, with names and types; and where things are on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rollout.environment.environment import Environment, Host
from rollout.secret import Secret
from rollout.settings.catalogue import revealed

STATE = PurePosixPath("/var/lib/baileys-rollout")
CONFIG = PurePosixPath("/etc/baileys-rollout")
HOST_PROGRAM = PurePosixPath("/usr/local/lib/baileys-rollout/hostswitch.pyz")
HOST_COMMAND = PurePosixPath("/usr/local/sbin/baileys-hostswitch")
# The first puts an interrupted switch back before PM2 starts, the second finishes it afterwards.
BOOT_UNITS = ("baileys-hostswitch-before-pm2.service", "baileys-hostswitch-after-pm2.service")
DAILY_UNIT = "baileys-hostswitch-daily"
DAILY_SETTINGS = CONFIG / "daily-check.json"
DAILY_ALARM = CONFIG / "daily-check-alarm"
# A cache that can hold credentials too (docs/facts.md section 2).
CACHE_FILE = ".baileys-cache.json"


@dataclass(frozen=True)
class LegacyDirectory:
    """A directory of session files that must be gone.

    Args:
        path: relative to the application directory.
        kind: live, backup or test.
    """

    path: str
    kind: str

    @property
    def name(self) -> str:
        """The one name under which it is set aside and archived."""
        return self.path.replace("/", "__")


@dataclass(frozen=True)
class Declared:
    environment: Environment
    host: Host

    def text(self, name: str) -> str:
        """A setting that is a text or a number, as text."""
        return str(self.host.settings[name])

    def number(self, name: str) -> int:
        return int(self.host.settings[name])

    def texts(self, name: str) -> list[str]:
        return [str(item) for item in self.host.settings[name]]

    def secret(self, name: str) -> str:
        """A secret's text: for standard input or a library call, never for a message."""
        value = self.host.settings[name]
        return value.reveal() if isinstance(value, Secret) else str(value)

    @property
    def secrets(self) -> list[str]:
        """Every secret text of the host, for masking."""
        return sorted(set(_secrets_in(self.host.settings)), key=len, reverse=True)

    @property
    def service_user(self) -> str:
        return self.text("service_user")

    @property
    def pm2_apps(self) -> list[str]:
        """The PM2 apps that may hold the session pool."""
        return [self.service_app, *self.host.settings["sibling_apps"]]

    @property
    def service_app(self) -> str:
        return self.text("service_app")

    @property
    def companies(self) -> list[str]:
        """The WhatsApp accounts of the host."""
        return self.texts("companies")

    @property
    def flags(self) -> dict[str, str]:
        """The declared flags as a `.env` spells them."""
        return {name: str(revealed(one)) for name, one in self.host.settings["flags"].items()}

    @property
    def on_postgresql(self) -> bool:
        return self.flags.get("USE_REPOSITORY_PATTERN") == "true"

    @property
    def legacy_directories(self) -> list[LegacyDirectory]:
        listed = self.host.settings["legacy_directories"]
        return [LegacyDirectory(str(item["path"]), str(item["kind"])) for item in listed]

    @property
    def app_dir(self) -> PurePosixPath:
        """Where the service lives."""
        return PurePosixPath(self.text("app_dir"))

    @property
    def current(self) -> PurePosixPath:
        return self.app_dir / "current"

    @property
    def env_file(self) -> PurePosixPath:
        return self.app_dir / ".env"

    @property
    def set_aside(self) -> PurePosixPath:
        """Where legacy directories wait for their removal."""
        return self.app_dir / ".set-aside"

    @property
    def archives(self) -> PurePosixPath:
        """Where the encrypted archives are kept."""
        return PurePosixPath(self.text("archive_directory"))

    @property
    def pm2_home(self) -> PurePosixPath:
        return PurePosixPath(self.text("service_home")) / ".pm2"

    @property
    def pm2_unit(self) -> str:
        """The systemd unit that starts PM2 at boot."""
        return f"pm2-{self.service_user}.service"

    @property
    def authority_file(self) -> PurePosixPath:
        """The database's certificate authority, as the service reads it."""
        text = self.text("database_ca_certificate").rstrip("\n") + "\n"
        return CONFIG / f"database-ca.{hashlib.sha256(text.encode()).hexdigest()[:16]}.crt"

    @property
    def status_url(self) -> str:
        return f"http://127.0.0.1:{self.text('service_port')}/status"


def _secrets_in(value: Any) -> list[str]:
    if isinstance(value, Secret):
        return [value.reveal()] if value else []
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _secrets_in(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _secrets_in(item)]
    return []
