"""The shape of a service's description (roles/service/kinds): every field, checked. Pure.

What is said here of a service is all that this package knows of it; docs/service.md is made from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from hostswitch.base.structured import Form, Line, RelativePath, one_of
from sessionstore.errors import Refused
from sessionstore.judgement.activity import DATABASE, FILES
from sessionstore.keys.names import DIRECTORY
from sessionstore.tables.description import described

OTHER, NOWHERE = "another store", "nowhere"
"""A store that this package does not move sessions from, or to; settings with which it refuses to start."""

KEEPS = (FILES, DATABASE, OTHER, NOWHERE)
ON, OFF, NOT_KNOWN = "on", "off", "not known"
COMPANY = "{company}"


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text.replace(COMPANY, "0"))
    except re.error:
        return False
    return True


Name = Annotated[
    str, Form("a variable's name", lambda text: bool(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text)))
]
Place = Annotated[Line, Form("names joined by dots", lambda text: all(text.split(".")))]
Pattern = Annotated[Line, Form("a regular expression", _is_pattern)]
Path = Annotated[Line, Form("a path that begins with /", lambda text: text.startswith("/"))]
Directory = Annotated[
    Line, Form("a name with {company} in it, once", lambda name: name.count(COMPANY) == 1)
]
_State = Annotated[str, one_of(ON, OFF, NOT_KNOWN)]
_Keeps = Annotated[str, one_of(*KEEPS)]
_Store = Annotated[str, one_of(FILES, DATABASE, OTHER)]


@dataclass(frozen=True)
class Names:
    """What the service's .env calls what a rollout knows; what it has no name for is left out."""

    database_host: Name | None = None
    database_port: Name | None = None
    database_name: Name | None = None
    database_user: Name | None = None
    database_password: Name | None = None
    database_ca: Name | None = None
    """The file of the authority that signed the server's certificate."""
    companies: Name | None = None
    """All companies of the process, joined by commas."""
    company: Name | None = None
    """The one company of a service that runs a process a company."""
    port: Name | None = None
    always: Mapping[str, str] = field(default_factory=dict)
    """What every .env of this kind says: how it asks for TLS, for one."""

    def checked(self, problems: list[str]) -> Names:
        if self.companies and self.company:
            problems.append("environment names both companies and company: it reads one of them")
        return self


@dataclass(frozen=True)
class Reading:
    """How the service reads a flag: the very texts that turn it on or off, and what all others do."""

    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    otherwise: _State = NOT_KNOWN
    unset: _State | None = None
    """Where the flag is not in the environment; left out: as `otherwise`."""


@dataclass(frozen=True)
class Rule:
    """Where sessions are kept if these flags are on, and these off, and the version has that file."""

    keeps: _Keeps
    """files, database (PostgreSQL), another store (no session is moved from or to it), or nowhere: it
    refuses to start."""
    on: tuple[Name, ...] = ()
    off: tuple[Name, ...] = ()
    has: RelativePath | None = None
    """A file within a version: where no flag says it, the code does."""
    lacks: RelativePath | None = None


@dataclass(frozen=True)
class Provider:
    """What selects where sessions live; the first rule that holds decides."""

    rules: tuple[Rule, ...]
    reads: Mapping[str, Reading] = field(default_factory=dict)

    def checked(self, problems: list[str]) -> Provider:
        named = {name for rule in self.rules for name in (*rule.on, *rule.off)}
        problems += [f"provider.reads does not say how it reads {n}" for n in named - {*self.reads}]
        kept = {rule.keeps for rule in self.rules}
        problems += [
            f"no rule of provider keeps {one}" for one in (FILES, DATABASE) if one not in kept
        ]
        return self


@dataclass(frozen=True)
class Store:
    """Where an answer says what it keeps sessions in, and what its words for that are."""

    at: Place
    means: Mapping[str, _Store]


@dataclass(frozen=True)
class Value:
    """A place in an answer, and the values there that prove the claim; any other denies it.

    Without values it is proven by an object there. `{company}` stands for the company's id in both.
    """

    at: Place
    equals: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Http:
    """A GET that answers with JSON, on loopback, on the port of the service."""

    path: Path
    company: Value | None = None
    """Whether it is this company's."""
    provider: Store | None = None
    credentials: Value | None = None
    connected: Value | None = None
    keys: Place | None = None
    """How many keys it has loaded."""
    pid: Place | None = None
    flags: Place | None = None
    """The flags as the process sees them."""
    everywhere: bool = False
    """Whether it is known to listen on all interfaces, and not on loopback alone."""


@dataclass(frozen=True)
class Log:
    """Lines that a start writes. `{company}` stands for the company's id."""

    provider: Mapping[str, Pattern] = field(default_factory=dict)
    """files, database or another store -> the line that says so."""
    company: Pattern | None = None
    credentials: Pattern | None = None
    connected: Pattern | None = None
    start: Pattern | None = None
    """The first line of a start, by which an earlier one is told from the last."""
    lines: Mapping[str, Pattern] = field(default_factory=dict)
    """What a good start writes besides, by what it means."""
    wrong: tuple[Pattern, ...] = ()
    """What a start with its sessions never writes: that it makes a new identity, for one."""

    def checked(self, problems: list[str]) -> Log:
        unknown = self.provider.keys() - {FILES, DATABASE, OTHER}
        problems += [f"log.provider.{name} is no store" for name in sorted(unknown)]
        return self


@dataclass(frozen=True)
class Signals:
    """What shows that it is well: what it answers, what it writes, what the database sees of it."""

    http: Http | None = None
    log: Log | None = None
    database: bool = False
    """Whether its connections show in pg_stat_activity under its role: no pooler lies between."""

    def checked(self, problems: list[str]) -> Signals:
        told = [self.http and self.http.provider, self.log and self.log.provider, self.database]
        if not any(told):
            problems.append("no signal tells what it keeps its sessions in: one must")
        return self


@dataclass(frozen=True)
class Pm2:
    """What is kept of how it is started."""

    ecosystem: RelativePath | None = None
    """Its own ecosystem file within a version: the entries of the declared apps are kept, but for script, cwd
    and kill_timeout. Left out: PM2 gets the least."""
    env: Name | None = None
    """The block env_NAME of it, where it is started with `--env NAME`."""


@dataclass(frozen=True)
class Description:
    """A kind of service."""

    help: Line
    environment: Names
    provider: Provider
    signals: Signals
    pm2: Pm2 = Pm2()
    directory: Directory = DIRECTORY
    """How a directory of session files is named after its company."""
    tables: Mapping[str, Any] = field(default_factory=dict)
    """Where sessions lie in the database and how they are spelled there, if not as the lab's service
    does (docs/session-data.md, "Another service's tables")."""

    release_excludes: tuple[RelativePath, ...] = ()
    """What its repository holds and no release may: tracked session files, for one."""

    def checked(self, problems: list[str]) -> Description:
        try:
            # Whose they are where no column says it, the environment knows.
            described(self.tables, only_known=False)
        except Refused as refused:
            problems += refused.reasons
        return self
