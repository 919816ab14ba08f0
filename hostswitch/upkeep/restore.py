"""Puts one legacy directory back: renamed from where it was set aside, or out of its archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hostswitch.base.errors import HostError, Refusal, RefusedError
from hostswitch.base.output import progress
from hostswitch.database import evidence
from hostswitch.database.connection import connect
from hostswitch.decide.seen import Seen, runs_on
from hostswitch.description.provider import choose
from hostswitch.directories import aside
from hostswitch.host import Host
from hostswitch.look.checks import stranger_refusals
from hostswitch.look.observe import look
from hostswitch.plan import LegacyDirectory, with_names
from hostswitch.record.history import RESTORED
from hostswitch.record.journal import demand_none_open
from sessionstore.archive import extract
from sessionstore.disk.opening import closing, open_beneath, open_directory
from sessionstore.errors import StoreError
from sessionstore.judgement.activity import DATABASE, against_putting_back
from sessionstore.retention import archives
from sessionstore.scan.scan import scan_directory


@dataclass(frozen=True)
class Source:
    rollout_id: str
    archive: archives.Archive | None

    @property
    def shown(self) -> str:
        kept = "the archive" if self.archive else "what was set aside by"
        return f"{kept} {self.archive.path if self.archive else self.rollout_id}"


def run(
    host: Host, name: str, *, set_aside_by: str | None, identity: str | None, check: bool
) -> dict[str, Any]:
    """Put a directory back exactly as it was: names, modes, owners, times, contents.

    Which rollout set it aside is needed only where several did, an age identity's file where nothing but
    the archive is left.
    """
    demand_none_open(host.places)
    declared = with_names(host.plan.legacy_directories).get(name.replace("/", "__"))
    if declared is None:
        raise HostError(f"{name} is not in legacy_directories. Declare it with its kind first")
    source = _source(host, declared, set_aside_by)
    refusals = _refusals(host, declared, source)
    if refusals:
        raise RefusedError(refusals)
    sentence = f"restore {declared.path} from {source.shown}"
    fields = {
        "name": declared.path,
        "set_aside_by": source.rollout_id,
        "archive": source.archive.path if source.archive else None,
    }
    if check:
        return {"outcome": "changes", "changes": [sentence], **fields}
    progress(sentence)
    if source.archive is None:
        _rename_back(host, declared, source)
    else:
        _extract(host, declared, source.archive, identity)
    who = {"operator": host.plan.operator, "reason": host.plan.reason}
    host.history.add(RESTORED, rollout_id=host.plan.rollout_id, **who, **fields)
    return {"outcome": RESTORED, **fields}


@contextmanager
def kept_in_memory(identity: str) -> Iterator[str]:
    """A file with an age identity that is on no disk."""
    with closing(os.memfd_create("identity")) as descriptor:
        os.write(descriptor, identity.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"


def _source(host: Host, declared: LegacyDirectory, set_aside_by: str | None) -> Source:
    """The one place it can come from; what was set aside goes before an archive of it."""
    kept = [rollout for rollout, names in aside.listed(host.plan.app_dir).items()
            if declared.name in names]  # fmt: skip
    found = [Source(rollout, None) for rollout in kept]
    if os.path.isdir(host.plan.archive.directory):
        for one in archives.look(host.plan.archive.directory, hashed=False):
            rollout = os.path.basename(os.path.dirname(one.path))
            is_it = os.path.basename(one.path) == declared.name + archives.SEALED
            if is_it and one.state == archives.UNCHECKED and rollout not in kept:
                found.append(Source(rollout, one))
    if set_aside_by is not None:
        found = [one for one in found if one.rollout_id == set_aside_by]
    if len(found) != 1:
        which = ", ".join(one.rollout_id for one in found)
        what = f"several rollouts kept it; choose one with --set-aside-by: {which}"
        nothing = "it is neither set aside nor archived here: baileys-hostswitch status"
        raise HostError(f"{declared.path}: {what if found else nothing}")
    return found[0]


def _refusals(host: Host, declared: LegacyDirectory, source: Source) -> list[Refusal]:
    path = host.path(declared.path)
    found = [_taken(path)] if os.path.lexists(path) else []
    seen = look(host, staged=False)
    in_database, trouble = _in_database(host, declared, source)
    reasons = against_putting_back(_reads_files(host, seen), in_database)
    remedy = (
        "To look into it, extract its archive elsewhere: baileys-hostswitch store archive extract"
    )
    found += [Refusal("restore", reason, path, remedy) for reason in reasons]
    return [*found, *trouble] if reasons else found


def _taken(path: str) -> Refusal:
    what = "there is something in its place already"
    return Refusal("restore", what, path, "Look at it, and move it away")


def _reads_files(host: Host, seen: Seen) -> bool | None:
    """Whether the service reads files; only a running one on PostgreSQL shows that it does not."""
    if not seen.running or stranger_refusals(host, seen):
        return None
    at_next_start = choose(host.plan.description.provider, seen.env_live or {}, seen.has_before)
    chosen = {runs_on(host.plan, seen).keeps, at_next_start.keeps}
    return None if len(chosen) > 1 else chosen != {DATABASE}


def _in_database(
    host: Host, declared: LegacyDirectory, source: Source
) -> tuple[tuple[str, ...] | None, list[Refusal]]:
    """Its companies that the database has; or None, and why it could not be asked."""
    companies = _companies(host, declared, source)
    try:
        with connect(host.plan) as connection:
            states = evidence.states(connection, companies)
    except StoreError as error:
        return None, Refusal.of("database", error, "database")
    return tuple(name for name, one in states.items() if one.credentials or one.keys), []


def _companies(host: Host, declared: LegacyDirectory, source: Source) -> set[str]:
    """Whose files it holds; where a directory's name does not tell, they may be anybody's."""
    if source.archive is not None:
        names, nameless = set(source.archive.companies), source.archive.nameless
    else:
        with (
            aside.opened(host.plan.app_dir, source.rollout_id) as (_, place),
            closing(open_beneath(place, declared.name)) as kept,
            scan_directory(
                kept, label=declared.path, contents=False, layout=declared.layout
            ) as scan,
        ):
            names = set(scan.company_ids)
            nameless = any(one.company_id is None for one in scan.companies)
    return names | set(host.plan.companies) if nameless else names


def _rename_back(host: Host, declared: LegacyDirectory, source: Source) -> None:
    with aside.opened(host.plan.app_dir, source.rollout_id) as (app, place):
        try:
            aside.back_alone(app, place, declared.path, declared.name)
        except FileExistsError:
            # It came after it was looked for: a service that writes there would read old keys.
            raise RefusedError([_taken(host.path(declared.path))]) from None
    aside.drop_empty(host.plan.app_dir, source.rollout_id)


def _extract(
    host: Host, declared: LegacyDirectory, archive: archives.Archive, identity: str | None
) -> None:
    if identity is None:
        raise HostError(
            "only its archive is left, which needs the age identity: --identity FILE. Or, from where "
            "the identity is: rollout sessions restore"
        )
    parent, _, name = declared.path.rpartition("/")
    with (
        closing(open_directory(host.plan.app_dir)) as app,
        closing(open_beneath(app, parent or ".")) as place,
    ):
        extract.extract_into(place, name, archive.path, archive.manifest, identity)
