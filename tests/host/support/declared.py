"""What an environment declares about a host, with names and types; and where things are on it."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from hostswitch.base.structured import structured
from hostswitch.description.description import NOWHERE, OTHER, Description
from hostswitch.description.provider import choose
from roles.hostprogram import plan
from rollout.environment.environment import SERVICE, Environment, Host
from rollout.secret import Secret
from rollout.settings.catalogue import revealed
from sessionstore.tables.description import described
from sessionstore.tables.layout import Tables

from .wording import listed

STATE = PurePosixPath("/var/lib/baileys-rollout")
CONFIG = PurePosixPath(plan.CONFIG_DIRECTORY)
HOST_PROGRAM = PurePosixPath("/usr/local/lib/baileys-rollout/hostswitch.pyz")
HOST_COMMAND = PurePosixPath("/usr/local/sbin/baileys-hostswitch")
# The first puts an interrupted switch back before PM2 starts, the second finishes it afterwards.
BOOT_UNITS = ("baileys-hostswitch-before-pm2.service", "baileys-hostswitch-after-pm2.service")
DAILY_UNIT = "baileys-hostswitch-daily"
DAILY_SETTINGS = CONFIG / "daily-check.json"
DAILY_ALARM = CONFIG / "daily-check-alarm"


class Declared:
    def __init__(self, environment: Environment, host: Host) -> None:
        self.environment = environment
        self.host = host
        self.tables = Tables()
        if SERVICE in host.groups:
            self._declare_service(plan.authority_file(host.settings))

    def _declare_service(self, authority_file: str) -> None:
        self.service_user = self.text("service_user")
        self.service_app = self.text("service_app")
        self.described = self._described()
        self.status_url = plan.status_url(self.host.settings)
        # The PM2 apps that may hold the session pool, PM2's home, and what starts it at boot.
        self.pm2_apps = [self.service_app, *self.texts("sibling_apps")]
        self.pm2_home = PurePosixPath(self.text("service_home")) / ".pm2"
        self.pm2_unit = f"pm2-{self.service_user}.service"
        # The WhatsApp accounts of the host.
        self.companies = self.texts("companies")
        self.tables = described(plan.tables(self.host.settings))
        # The flags as a `.env` spells them.
        declared = self.host.settings["flags"]
        self.flags = {name: str(revealed(value)) for name, value in declared.items()}
        self.on_postgresql = choose(self.described.provider, self.flags).keeps not in (
            OTHER,
            NOWHERE,
        )
        # The database's certificate authority, as the service reads it.
        self.authority_file = PurePosixPath(authority_file)
        # What holds the database's password in the `.env`, if the service reads one.
        password = self.described.environment.database_password
        self.password_names = [password] if password else []
        self.app_dir = PurePosixPath(self.text("app_dir"))
        self.current = self.app_dir / "current"
        self.env_file = self.app_dir / ".env"
        # Directories of session files: where they used to be, where they wait for their removal, and
        # what they are archived in.
        legacy = self.host.settings["legacy_directories"]
        self.legacy_places = [str(self.app_dir / str(one["path"])) for one in legacy]
        self.set_aside = self.app_dir / ".set-aside"
        self.archives = PurePosixPath(self.text("archive_directory"))

    def _described(self) -> Description:
        wrong: list[str] = []
        made = structured(Description, self.host.settings["service_description"], "", wrong)
        assert isinstance(made, Description) and not wrong, listed(wrong)
        return made

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

    def flags_unlike(self, seen: Mapping[str, str]) -> list[str]:
        """Which of the flags that are seen somewhere have another value there."""
        return [
            f"{name} is {seen[name]}, declared is {value}"
            for name, value in self.flags.items()
            if name in seen and seen[name] != value
        ]
