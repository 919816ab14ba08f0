"""The plan: what a switch is asked to do. Validated here, once, before anything is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from hostswitch.base import structured
from hostswitch.base.structured import AbsolutePath, Form, Line, RelativePath, matching, one_of
from hostswitch.description.description import Description
from sessionstore.keys.names import DIRECTORY
from sessionstore.scan.layout import AS_NAMED, Layout

_COMPANY = r"(?!company_)[0-9A-Za-z][0-9A-Za-z_-]{0,63}"
PG_DUMP, PROVIDER = "pg_dump", "provider"
REQUIRED = "required"
_Checked = Annotated[str, one_of(REQUIRED, "not checked")]


@dataclass(frozen=True)
class Acknowledgement:
    """What an operator accepted about a directory; it goes into the record."""

    reason: Line
    identities: bool = False
    companies: tuple[Line, ...] = ()


@dataclass(frozen=True)
class LegacyDirectory:
    """`path` is relative to the application directory."""

    path: RelativePath
    kind: Annotated[str, one_of("live", "backup", "test")]
    acknowledge: Acknowledgement | None = None
    companies: Mapping[str, str] = field(default_factory=dict)
    litter: tuple[Line, ...] = ()
    named: Line = DIRECTORY
    as_text: bool = False
    """Whether rows keep values as text, which takes what jsonb refuses."""

    @property
    def name(self) -> str:
        return self.path.replace("/", "__")

    @property
    def layout(self) -> Layout:
        return Layout(self.companies, self.litter, self.named, self.as_text)


@dataclass(frozen=True)
class Database:
    """The password is never printed."""

    host: Line
    port: int
    dbname: Line
    user: Line
    password: str = field(repr=False)
    sslmode: Line
    sslrootcert: Line | None = None
    authority: Annotated[str, matching("(?s:.+)")] | None = None
    """The text of that file, as long as it is not staged."""
    tables: Mapping[str, Any] = field(default_factory=dict)
    """The service's, where they are not as the lab's (sessionstore/tables)."""

    def settings(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Gate:
    """docs/switch.md, "The gate"."""

    status_url: Annotated[str, matching(r"http://(127\.0\.0\.1|localhost|\[::1\])[:/].*")] | None
    """None: this kind of service has no endpoint."""
    limit_seconds: float
    settle_seconds: float
    connected: _Checked
    before: _Checked
    """Whether the version before a cut-over must answer in the gate's form already."""


@dataclass(frozen=True)
class Archive:
    directory: AbsolutePath
    recipients: tuple[Line, ...]
    keep_days: float
    """For how long archives and backups are kept at least."""


@dataclass(frozen=True)
class Backup:
    method: Annotated[str, one_of(PG_DUMP, PROVIDER)]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    version: Annotated[int, Form("1: update the host program (role host)", lambda one: one == 1)]
    rollout_id: Annotated[str, matching(r"[0-9A-Za-z][0-9A-Za-z_-]{3,63}")]
    environment: Line
    host: Line
    operator: Line
    reason: Annotated[str, matching(".*")]
    description: Description
    app_dir: AbsolutePath
    service_user: Line
    pm2_home: AbsolutePath
    service_app: Line
    pm2_apps: Mapping[str, RelativePath]
    """Name -> its script, relative to a version."""
    revision: Annotated[str, matching("[0-9a-f]{40}")]
    release: AbsolutePath
    entry: RelativePath
    env_live: AbsolutePath
    env_next: AbsolutePath
    flags: Mapping[str, str]
    never_secret: tuple[Line, ...] = ()
    """Those of them whose value before may be shown as well."""
    flags_as_read: Mapping[str, str]
    """Provider flags, as the version that runs reads one that is neither true nor false."""
    pm2_environment: Mapping[str, str]
    """What PM2 is to export to its apps, beside the .env."""
    pm2_dropped: tuple[Line, ...] = ()
    """What PM2 exports or does today and the new description need not."""
    companies: tuple[Annotated[str, matching(_COMPANY)], ...] = ()
    released: tuple[Line, ...] = ()
    """Those of them that no other host of the environment was seen to run."""
    others_answered: bool = False
    """Every other service host of the environment said what it runs, or there is none."""
    legacy_directories: tuple[LegacyDirectory, ...]
    database: Database
    gate: Gate
    archive: Archive
    backup: Backup | None = None
    remove_after_days: float
    kill_timeout_ms: int
    minimum_free_mb: int
    releases_kept: int
    alarm_command: tuple[Line, ...] | None = None

    def layout_of(self, path: str) -> Layout:
        return next((one.layout for one in self.legacy_directories if one.path == path), AS_NAMED)

    def checked(self, problems: list[str]) -> Plan:
        """See that settings go together, and give files the owner that they can have only one of."""
        problems += _inconsistencies(self)
        if len(self.companies) != 1:
            return self
        # Whose else could be files that lie in it directly?
        whole = {".": self.companies[0]}
        return replace(
            self,
            legacy_directories=tuple(
                replace(one, companies=whole) if one.kind == "live" and not one.companies else one
                for one in self.legacy_directories
            ),
        )


def load(text: str) -> Plan:
    """Raises PlanError, which lists all mistakes."""
    return structured.load(Plan, text, "plan")


def _inconsistencies(plan: Plan) -> list[str]:
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
        if not getattr(plan, name).startswith(plan.app_dir.rstrip("/") + "/"):
            problems.append(f"plan.{name} must lie under plan.app_dir")
    return problems


def is_hash(name: str) -> bool:
    return re.fullmatch("[0-9a-f]{40}", name) is not None


def with_names(items: Sequence[LegacyDirectory]) -> dict[str, LegacyDirectory]:
    return {item.name: item for item in items}
