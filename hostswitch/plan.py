"""The plan: what a switch is asked to do. Validated here, once, before anything is looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hostswitch.base.errors import HostError
from hostswitch.base.reader import Reader
from sessionstore.scan.layout import AS_NAMED, Layout

KINDS = ("live", "backup", "test")
REQUIRED = "required"
CHECKED = (REQUIRED, "not checked")
PG_DUMP, PROVIDER = "pg_dump", "provider"
BACKUP_METHODS = (PG_DUMP, PROVIDER)
_COMPANY = r"(?!company_)[0-9A-Za-z][0-9A-Za-z_-]{0,63}"


class PlanError(HostError):
    """The plan has mistakes; the text lists all of them."""


@dataclass(frozen=True)
class Acknowledgement:
    """What an operator accepted about a directory, and why; it goes into the record."""

    reason: str
    identities: bool
    companies: tuple[str, ...]


@dataclass(frozen=True)
class LegacyDirectory:
    """A declared directory of session files, `path` relative to the application directory."""

    path: str
    kind: str
    acknowledge: Acknowledgement | None
    layout: Layout = AS_NAMED

    @property
    def name(self) -> str:
        """The one name under which it is set aside and archived."""
        return self.path.replace("/", "__")


@dataclass(frozen=True)
class Database:
    """How the application's role reaches PostgreSQL. The password is never printed."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)
    sslmode: str
    sslrootcert: str | None
    authority: str | None = None
    """The text of that file, as long as it is not staged."""

    def settings(self) -> dict[str, str | int]:
        """The settings for `sessionstore.database.connection.connect`; None is left out."""
        values: dict[str, str | int | None] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "user": self.user,
            "password": self.password,
            "sslmode": self.sslmode,
            "sslrootcert": self.sslrootcert,
            "authority": self.authority,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Gate:
    """When a started service counts as healthy (docs/switch.md, "The gate")."""

    status_url: str
    limit_seconds: float
    settle_seconds: float
    connected: str
    before: str
    """Whether the version before a cut-over must answer in the gate's form already."""


@dataclass(frozen=True)
class Archive:
    """Where archives of set-aside directories go, to whom they are encrypted, how long they stay."""

    directory: str
    recipients: tuple[str, ...]
    keep_days: float
    """For how long archives and backups are kept at least."""


@dataclass(frozen=True)
class Backup:
    """What there is to fall back on: a dump that is made, or the provider's, for a reason."""

    method: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """One switch of one host, as the controller wants it."""

    rollout_id: str
    environment: str
    host: str
    operator: str
    reason: str
    app_dir: str
    service_user: str
    pm2_home: str
    service_app: str
    pm2_apps: tuple[str, ...]
    ecosystem: str
    revision: str
    release: str
    entry: str
    env_live: str
    env_next: str
    flags: Mapping[str, str]
    never_secret: tuple[str, ...]
    """Those of them whose value before may be shown as well."""
    flags_as_read: Mapping[str, str]
    """Provider flags, as the version that runs reads one that is neither true nor false."""
    pm2_environment: Mapping[str, str]
    """What PM2 is to export to its apps, beside the .env."""
    pm2_dropped: tuple[str, ...]
    """What PM2 exports or does today and the new description need not."""
    companies: tuple[str, ...]
    released: tuple[str, ...]
    """Those of them that no other host of the environment was seen to run."""
    others_answered: bool
    """Every other service host of the environment said what it runs, or there is none."""
    legacy_directories: tuple[LegacyDirectory, ...]
    database: Database
    gate: Gate
    archive: Archive
    backup: Backup | None
    remove_after_days: float
    kill_timeout_ms: int
    minimum_free_mb: int
    releases_kept: int
    alarm_command: tuple[str, ...] | None

    @property
    def live_directories(self) -> tuple[LegacyDirectory, ...]:
        """The directories that a file-reading version works in."""
        return tuple(item for item in self.legacy_directories if item.kind == "live")

    def layout_of(self, path: str) -> Layout:
        """Whose files lie where in a declared directory."""
        return next((one.layout for one in self.legacy_directories if one.path == path), AS_NAMED)


def load(text: str) -> Plan:
    """Read and validate a plan.

    Args:
        text: the JSON object that the controller sends.

    Returns:
        The plan.

    Raises:
        PlanError: it is not JSON, or has mistakes; all of them are listed.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PlanError(f"the plan on standard input is not JSON: {error}") from None
    reader = Reader(data, "plan")
    plan = _plan(reader)
    problems = reader.problems() + _inconsistencies(plan)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise PlanError(f"the plan on standard input has mistakes:\n{listed}")
    return plan


def _plan(reader: Reader) -> Plan:
    if reader.number("version") != 1:
        reader.complain("version", "must be 1: update the host program (role host)")
    companies = reader.texts("companies", _COMPANY)
    return Plan(
        rollout_id=reader.text("rollout_id", r"[0-9A-Za-z][0-9A-Za-z_-]{3,63}"),
        environment=reader.text("environment"),
        host=reader.text("host"),
        operator=reader.text("operator"),
        reason=reader.text("reason", ".*"),
        app_dir=reader.path("app_dir"),
        service_user=reader.text("service_user"),
        pm2_home=reader.path("pm2_home"),
        service_app=reader.text("service_app"),
        pm2_apps=reader.texts("pm2_apps"),
        ecosystem=reader.path("ecosystem"),
        revision=reader.text("revision", "[0-9a-f]{40}"),
        release=reader.path("release"),
        entry=reader.relative("entry"),
        env_live=reader.path("env_live"),
        env_next=reader.path("env_next"),
        flags=reader.mapping("flags"),
        never_secret=reader.texts("never_secret"),
        flags_as_read=reader.mapping("flags_as_read"),
        pm2_environment=reader.mapping("pm2_environment"),
        pm2_dropped=reader.texts("pm2_dropped"),
        companies=companies,
        released=reader.texts("released"),
        others_answered=reader.flag("others_answered"),
        legacy_directories=tuple(
            _legacy(item, companies) for item in reader.children("legacy_directories")
        ),
        database=_database(reader.child("database")),
        gate=_gate(reader.child("gate")),
        archive=_archive(reader.child("archive")),
        backup=_backup(reader.child("backup")) if reader.present("backup") else None,
        remove_after_days=reader.number("remove_after_days"),
        kill_timeout_ms=int(reader.number("kill_timeout_ms")),
        minimum_free_mb=int(reader.number("minimum_free_mb")),
        releases_kept=int(reader.number("releases_kept")),
        alarm_command=reader.texts("alarm_command") or None,
    )


def _legacy(reader: Reader, companies: Sequence[str]) -> LegacyDirectory:
    acknowledge = None
    if reader.present("acknowledge"):
        child = reader.child("acknowledge")
        acknowledge = Acknowledgement(
            reason=child.text("reason"),
            identities=child.flag("identities"),
            companies=child.texts("companies"),
        )
    path, kind = reader.relative("path"), reader.choice("kind", KINDS)
    declared = reader.mapping("companies") if reader.present("companies") else {}
    if not declared and kind == "live" and len(companies) == 1:
        declared = {".": companies[0]}  # Whose else could be files that lie in it directly?
    return LegacyDirectory(path, kind, acknowledge, Layout(declared, reader.texts("litter")))


def _database(reader: Reader) -> Database:
    return Database(
        host=reader.text("host"),
        port=int(reader.number("port")),
        dbname=reader.text("dbname"),
        user=reader.text("user"),
        password=reader.text("password", r"(?s:.*)"),
        sslmode=reader.text("sslmode"),
        sslrootcert=reader.text("sslrootcert") if reader.present("sslrootcert") else None,
        authority=reader.text("authority", "(?s:.+)") if reader.present("authority") else None,
    )


def _gate(reader: Reader) -> Gate:
    return Gate(
        status_url=reader.text("status_url", r"http://(127\.0\.0\.1|localhost|\[::1\])[:/].*"),
        limit_seconds=reader.number("limit_seconds"),
        settle_seconds=reader.number("settle_seconds"),
        connected=reader.choice("connected", CHECKED),
        before=reader.choice("before", CHECKED),
    )


def _archive(reader: Reader) -> Archive:
    return Archive(reader.path("directory"), reader.texts("recipients"), reader.number("keep_days"))


def _backup(reader: Reader) -> Backup:
    return Backup(reader.choice("method", BACKUP_METHODS), reader.text("reason", "(?s:.*)"))


def _inconsistencies(plan: Plan) -> list[str]:
    """Mistakes between settings that are each well formed."""
    problems = []
    if plan.service_app not in plan.pm2_apps:
        problems.append("plan.pm2_apps must contain plan.service_app")
    if plan.backup and plan.backup.method == PROVIDER and not plan.backup.reason.strip():
        problems.append("plan.backup.reason must say why the provider's backups are enough")
    names = [item.name for item in plan.legacy_directories]
    if len(set(names)) != len(names):
        problems.append("plan.legacy_directories names a directory twice")
    if plan.release and not plan.release.endswith("/" + plan.revision):
        problems.append("plan.release must be a directory named after plan.revision")
    for name in ("release", "env_live", "env_next"):
        if not _inside(getattr(plan, name), plan.app_dir):
            problems.append(f"plan.{name} must lie under plan.app_dir")
    return problems


def _inside(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")


def is_hash(name: str) -> bool:
    """Whether a name is a full git commit id."""
    return re.fullmatch("[0-9a-f]{40}", name) is not None


def with_names(items: Sequence[LegacyDirectory]) -> dict[str, LegacyDirectory]:
    """Directories by the name under which they are set aside."""
    return {item.name: item for item in items}


def as_data(text: str) -> dict[str, Any]:
    """A plan's text as plain data (for tests and the saved plan)."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise PlanError("the plan is not a JSON object")
    return data
