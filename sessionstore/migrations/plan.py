"""Migrations as files, and what is to be done with them. Pure but for reading the files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sessionstore.errors import MigrationProblem, half_a_pair

KINDS = ("deploy", "verify", "revert")

_name = re.compile(r"[0-9]{4}_[a-z0-9]+(?:_[a-z0-9]+)*").fullmatch
# Comments nest in PostgreSQL: here far deeper than anybody writes them.
_comment = r"/\*(?:(?!/\*|\*/).)*\*/"
for _ in range(6):
    _comment = rf"/\*(?:(?!/\*|\*/).|{_comment})*\*/"
_no_statement = re.compile(rf"(?:\s|;|--[^\n\r]*(?:[\n\r]|\Z)|{_comment})*", re.DOTALL).fullmatch


@dataclass(frozen=True)
class Migration:
    name: str  # such as ``0003_whatsapp_imports``
    deploy: str  # SQL that makes the change
    verify: str  # SQL that raises an error unless the change is there
    revert: str  # SQL that undoes it
    sha256: str  # of the deploy script
    chain: str  # SHA-256 over this and every earlier deploy script, in order


@dataclass(frozen=True)
class Record:
    name: str
    sha256: str
    chain: str
    adopted: bool


def load(directory: str) -> tuple[Migration, ...]:
    """Read a directory of migrations, which holds ``deploy/``, ``verify/`` and ``revert/``."""
    return arrange({kind: _scripts(Path(directory, kind)) for kind in KINDS}, directory)


def _scripts(directory: Path) -> dict[str, str]:
    if not directory.is_dir():
        raise MigrationProblem("not a directory of migrations", str(directory))
    found = {}
    for path in directory.iterdir():
        if path.suffix != ".sql" or not _name(path.stem):
            raise MigrationProblem("not named like 0001_what_it_does.sql", str(path))
        try:
            with MigrationProblem.instead("cannot read the script", str(path)):
                found[path.stem] = path.read_text("utf-8")
        except UnicodeDecodeError as error:
            what = f"the script is not UTF-8, from byte {error.start} on"
            raise MigrationProblem(what, str(path), "Save it as UTF-8.") from None
    return found


def from_plan(entries: Sequence[Mapping[str, str]]) -> tuple[Migration, ...]:
    """Take migrations from a plan, so that they need not be files on the host; an empty script is missing."""
    where = "the plan's migrations"
    names = [str(entry.get("name")) for entry in entries]
    for name in names:
        if not _name(name):
            raise MigrationProblem("not named like 0001_what_it_does", name)
        if names.count(name) > 1:
            raise MigrationProblem(f"{name} is there twice", where)
    return arrange(
        {kind: {entry["name"]: entry.get(kind, "") for entry in entries} for kind in KINDS}, where
    )


def arrange(scripts: Mapping[str, Mapping[str, str]], where: str) -> tuple[Migration, ...]:
    """Put scripts, by kind and name, in order and chain their hashes; raises as :func:`load`."""
    every = sorted(set().union(*scripts.values()))
    if not every:
        raise MigrationProblem("no migration is there", where, "Name the directory that has them.")
    migrations: list[Migration] = []
    for number, name in enumerate(every, start=1):
        lacking = [kind for kind in KINDS if not scripts[kind].get(name)]
        if lacking:
            what = f"{name} lacks its {' and '.join(lacking)} script, or it is empty"
            raise MigrationProblem(what, where, "Restore the file.")
        if int(name[:4]) != number:
            raise MigrationProblem(f"{name} should have the number {number:04}", where)
        deploy, verify, revert = (scripts[kind][name] for kind in KINDS)
        for kind in KINDS:
            _refuse_unfit(scripts[kind][name], f"{kind}/{name}.sql")
        sha256 = hashlib.sha256(deploy.encode("utf-8")).hexdigest()
        before = migrations[-1].chain if migrations else ""
        chain = hashlib.sha256(f"{before}\n{name}\n{sha256}".encode()).hexdigest()
        migrations.append(Migration(name, deploy, verify, revert, sha256, chain))
    return tuple(migrations)


def _refuse_unfit(script: str, where: str) -> None:
    """What the server would not be given whole, or would take for done. It judges the SQL itself."""
    plain = "Save it as UTF-8 text, without a byte order mark."
    meant = (
        "A verify script raises an error unless the change is there; a change that can't be undone"
        " says so in its revert script with RAISE EXCEPTION."
    )
    for unfit, what, remedy in (
        # The protocol ends a text there: the rest would never run, and nothing told so.
        ("\0" in script, "holds a NUL character", plain),
        (half_a_pair(script), "holds half a surrogate pair", plain),
        (script.startswith("\ufeff"), "begins with a byte order mark", plain),
        (_no_statement(script), "holds no statement", meant),
    ):
        if unfit:
            raise MigrationProblem(f"the script {what}", where, remedy)


def pending(migrations: Sequence[Migration], records: Sequence[Record]) -> tuple[Migration, ...]:
    """What the database lacks; each applied file must be there, unedited and in the order it was applied."""
    by_name = {migration.name: migration for migration in migrations}
    for position, record in enumerate(records):
        migration = by_name.get(record.name)
        remedy = ""
        if migration is None:
            what = f"the database has {record.name}, but its files are missing"
            remedy = "Use the revision of this project that made it, or a later one."
        elif migrations[position].name != record.name:
            what = f"{migrations[position].name} comes before {record.name} but was never applied"
            remedy = "Give new migrations a number after all applied ones."
        elif migration.sha256 != record.sha256:
            what = f"deploy/{record.name}.sql was edited after it was applied"
            remedy = "Restore the file; put the change into a new migration."
        elif migration.chain != record.chain:
            what = f"the history before {record.name} is not the one that was applied"
        else:
            continue
        raise MigrationProblem(what, remedy=remedy)
    return tuple(migrations[len(records) :])


def to_revert(records: Sequence[Record], target: str) -> tuple[Record, ...]:
    """What must be reverted, newest first, to get back to a migration, or to "nothing"."""
    names = [record.name for record in records]
    if target != "nothing" and target not in names:
        known = f"One of: {', '.join([*names, 'nothing'])}."
        raise MigrationProblem(f"no applied migration is called {target}", remedy=known)
    keep = 0 if target == "nothing" else names.index(target) + 1
    undone = tuple(reversed(records[keep:]))
    for record in undone:
        if record.adopted:
            what = f"{record.name} was adopted: the table is not this project's to drop"
            raise MigrationProblem(what, remedy="Choose a later target.")
    return undone
