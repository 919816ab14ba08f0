"""A backup of the tables before they, or the files they came from, are changed."""

from __future__ import annotations

import os
from dataclasses import asdict

from hostswitch.base.output import progress
from hostswitch.database.connection import BACKUP_SECONDS, Patience
from hostswitch.host import Host
from hostswitch.plan import PROVIDER


def before(host: Host, act: str) -> None:
    """Make the backup that the plan asks for before an "import" or "removal", or record why there is none."""
    wanted, rollout_id = host.plan.backup, host.plan.rollout_id
    if wanted is None:
        return
    if wanted.method == PROVIDER:
        host.history.add(
            "backup", rollout_id=rollout_id, before=act, outcome="provider", reason=wanted.reason
        )
        return
    from sessionstore.backup import dump

    progress(f"back up the tables before the {act}")
    directory = os.path.join(host.plan.archive.directory, rollout_id)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    with Patience(BACKUP_SECONDS).connected(host.plan) as connection:
        report = dump.take(
            connection,
            host.plan.database.settings(),
            directory,
            f"database-before-{act}",
            host.plan.archive.recipients,
        )
    host.history.add(
        "backup", rollout_id=rollout_id, before=act, outcome=report.outcome, **asdict(report)
    )
