"""The rows of the switch (docs/switch.md), each between its intent and its done line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hostswitch.base.errors import StepFailedError
from hostswitch.database import evidence
from hostswitch.directories import aside
from hostswitch.record import journal
from hostswitch.service import pointers
from hostswitch.switch.opened import Switch, step
from hostswitch.switch.stop import SHOWN
from sessionstore.disk.opening import closing, open_beneath
from sessionstore.errors import DatabaseUnreachable, OutcomeUnknown
from sessionstore.judgement.activity import STOPPED
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory


def set_aside(switch: Switch) -> None:
    facts = switch.facts
    with step(switch, journal.SET_ASIDE):
        if not facts.aside:
            return
        with aside.opened(switch.host.plan.app_dir, facts.rollout_id, create=True) as (app, place):
            for number, item in enumerate(facts.aside):
                aside.away(app, place, item["path"], item["name"])
                if number == 0:
                    switch.journal.mark(journal.SET_ASIDE, "rename", path=item["path"])


def import_files(switch: Switch) -> None:
    """Stage every company of the cut-over and prove it at this frozen instant."""
    from sessionstore.importing import stage
    from sessionstore.importing.proof import prove

    host, facts = switch.host, switch.facts
    keys: dict[str, int] = {}
    equal = 0
    with step(switch, journal.IMPORTED, imports=dict(facts.imports)) as done, ExitStack() as stack:
        connection = stack.enter_context(switch.patience.connected(host.plan))
        for company_id, path in facts.cut_over.items():
            # Listed only: the import reads every file itself, and the proof reads it again.
            with scan_aside(switch, path, contents=False) as scan:
                whose = (company_id, facts.rollout_id, host.plan.host)
                record = stage.stage(connection, scan, *whose, import_id=facts.imports[company_id])
            switch.journal.mark(journal.IMPORTED, "staged", company=company_id)
            with scan_aside(switch, path) as scan:
                proof = prove(connection, record.import_id, scan)
            if not proof.ok:
                shown = "; ".join(f"{m.file}: {m.reason}" for m in proof.mismatches[:SHOWN])
                raise StepFailedError(f"the import of company {company_id} is not proven: {shown}")
            keys[company_id] = record.key_count
            equal += proof.keys + proof.credentials_equal
        done["keys"], done["equal"] = keys, equal


@contextmanager
def scan_aside(switch: Switch, path: str, *, contents: bool = True) -> Iterator[DirectoryScan]:
    """Scan a directory that this switch set aside, by its path before that; or only list what is in it."""
    layout = switch.host.plan.layout_of(path)
    with (
        aside.opened(switch.host.plan.app_dir, switch.facts.rollout_id) as (_, place),
        closing(open_beneath(place, switch.kept_as(path))) as directory,
        scan_directory(directory, label=path, contents=contents, layout=layout) as scan,
    ):
        yield scan


def account_aside(switch: Switch) -> None:
    """Account again, at this frozen instant, for live files of companies the database has."""
    for path in switch.facts.accounted:
        with (
            switch.patience.connected(switch.host.plan) as connection,
            scan_aside(switch, path) as scan,
        ):
            # Row 1 saw every process of it end.
            reasons = evidence.unaccounted(connection, scan, switch.host.plan, service=STOPPED)
        if reasons:
            raise StepFailedError(f"{path} is not accounted for: {'; '.join(reasons[:SHOWN])}")


def swap_pointers(switch: Switch) -> None:
    host, plan = switch.host, switch.host.plan
    _demand_judged(switch)
    with step(switch, journal.SWAPPED):
        pointers.point_current(plan.app_dir, os.path.relpath(plan.release, plan.app_dir))
        switch.journal.mark(journal.SWAPPED, "current")
        pointers.put_env(plan.env_live, plan.env_next, switch.env_after, host.owner)


def _demand_judged(switch: Switch) -> None:
    """Nothing is swapped yet, so that putting back finds the .env as somebody left it."""
    judged = dict(switch.facts.judged)
    if switch.env_before is not None and switch.env_after not in (None, switch.env_before):
        judged[str(pointers.previous(switch.host.plan.env_live))] = switch.env_before
    for path, digest in judged.items():
        if pointers.digest(pointers.read(path)) != digest:
            raise pointers.changed_since(path)


def activate(switch: Switch) -> None:
    """Commit the imports as active; from here on the database is the truth.

    DatabaseUnreachable says that none is active; after any other error that is for the database to tell.
    """
    from sessionstore.importing import states

    switch.journal.mark(journal.ACTIVE, "intent")
    with switch.patience.connected(switch.host.plan) as connection:
        for number, import_id in enumerate(switch.facts.imports.values()):
            try:
                states.activate(connection, import_id)
            except DatabaseUnreachable as error:
                if number == 0:
                    raise
                raise OutcomeUnknown(error.what, error.where, error.remedy) from None
    # Where it can't be written, the database tells.
    switch.journal.tell(journal.ACTIVE, "done")
