"""What an environment declares about a host, with names and types; and where things are on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from roles.hostprogram import plan
from rollout.environment.environment import Environment, Host
from rollout.secret import Secret
from rollout.settings.catalogue import revealed

STATE = PurePosixPath("/var/lib/baileys-rollout")
CONFIG = PurePosixPath(plan.CONFIG_DIRECTORY)
HOST_PROGRAM = PurePosixPath("/usr/local/lib/baileys-rollout/hostswitch.pyz")
HOST_COMMAND = PurePosixPath("/usr/local/sbin/baileys-hostswitch")
# The first puts an interrupted switch back before PM2 starts, the second finishes it afterwards.
BOOT_UNITS = ("baileys-hostswitch-before-pm2.service", "baileys-hostswitch-after-pm2.service")
DAILY_UNIT = "baileys-hostswitch-daily"
DAILY_SETTINGS = CONFIG / "daily-check.json"
DAILY_ALARM = CONFIG / "daily-check-alarm"


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
    def service_user(self) -> str:
        return self.text("service_user")

    @property
    def service_app(self) -> str:
        return self.text("service_app")

    @property
    def pm2_apps(self) -> list[str]:
        """The PM2 apps that may hold the session pool."""
        return [self.service_app, *self.host.settings["sibling_apps"]]

    @property
    def companies(self) -> list[str]:
        """The WhatsApp accounts of the host."""
        return self.texts("companies")

    @property
    def flags(self) -> dict[str, str]:
        """The declared flags as a `.env` spells them."""
        return {name: str(revealed(one)) for name, one in self.host.settings["flags"].items()}

    def flags_unlike(self, seen: Mapping[str, str]) -> list[str]:
        """Which of the flags that are seen somewhere have another value there."""
        return [
            f"{name} is {seen[name]}, declared is {value}"
            for name, value in self.flags.items()
            if name in seen and seen[name] != value
        ]

    @property
    def on_postgresql(self) -> bool:
        return self.flags.get("USE_REPOSITORY_PATTERN") == "true"

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
    def legacy_places(self) -> list[str]:
        """Where the directories of session files used to be."""
        listed = self.host.settings["legacy_directories"]
        return [str(self.app_dir / str(one["path"])) for one in listed]

    @property
    def set_aside(self) -> PurePosixPath:
        """Where legacy directories wait for their removal."""
        return self.app_dir / ".set-aside"

    @property
    def archives(self) -> PurePosixPath:
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
        return PurePosixPath(plan.authority_file(self.host.settings))

    @property
    def status_url(self) -> str:
        return f"http://127.0.0.1:{self.text('service_port')}/status"
