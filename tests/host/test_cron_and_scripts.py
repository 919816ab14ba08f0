"""What was written to clean up session files, and must not run any more."""

from __future__ import annotations

from typing import Any

import pytest

from .support.declared import Declared
from .support.reporting import not_checked
from .support.target import Target
from .support.wording import joined, listed

pytestmark = pytest.mark.on("service")

CRON_PLACES = (
    "/var/spool/cron /etc/crontab /etc/anacrontab"
    " /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly"
)
SEARCH = "grep -arsF -D skip"


def test_no_cron_job_is_left(host: Any, declared: Declared) -> None:
    """The clean-up job would delete rows or files of live sessions at night."""
    texts = declared.texts("retired_cron_jobs")
    if not texts:
        not_checked("no cron job is declared as retired")
    patterns = " ".join("-e %s" for _ in texts)
    # -s and 2 for places that this host does not have.
    found = host.run_expect([0, 1, 2], f"{SEARCH} {patterns} -- {CRON_PLACES}", *texts)
    lines = [line.partition(":") for line in found.stdout.splitlines()]
    active = [f"{file}: {job}" for file, _, job in lines if not job.lstrip().startswith("#")]
    assert not active, listed(active)


def test_no_timer_runs_a_retired_script(host: Any, declared: Declared) -> None:
    """The same clean-up, started by systemd instead of cron."""
    names = [script.rsplit("/", 1)[-1] for script in declared.texts("retired_scripts")]
    if not names:
        not_checked("no script is declared as retired")
    patterns = " ".join("-e %s" for _ in names)
    found = host.run_expect([0, 1], f"{SEARCH} -l {patterns} -- /etc/systemd/system", *names)
    assert not found.stdout.strip(), f"named in: {listed(found.stdout.splitlines())}"


def test_retired_scripts_are_not_at_hand(target: Target, declared: Declared) -> None:
    """Somebody runs one out of habit: it makes new credentials or deletes keys."""
    scripts = declared.texts("retired_scripts")
    roots = [str(declared.app_dir), target.release]
    places = [f"{root}/{script}" for root in roots for script in scripts]
    there = target.probe("allocated", *places)
    assert not there, f"still there: {joined(sorted(there))}"


def test_retired_scripts_are_archived(target: Target, declared: Declared) -> None:
    """What the scripts did can no longer be looked up when an old session has to be understood."""
    archive = declared.text("retired_scripts_archive")
    names = [script.rsplit("/", 1)[-1] for script in declared.texts("retired_scripts")]
    if not names:
        not_checked("no script is declared as retired")
    roots = [str(declared.app_dir), target.release]
    places = {name: [f"{root}/{archive}/{name}" for root in roots] for name in names}
    every = [path for paths in places.values() for path in paths]
    there = target.probe("allocated", *every)
    missing = [name for name, paths in places.items() if not any(path in there for path in paths)]
    assert not missing, f"not in {archive}: {joined(missing)}"


def test_archived_scripts_can_not_be_run_by_accident(target: Target, declared: Declared) -> None:
    """An executable script in the archive is one tab key away from running."""
    archive = f"{declared.app_dir}/{declared.text('retired_scripts_archive')}"
    if not target.host.file(archive).exists:
        not_checked(f"{archive} does not exist")
    search = "find %s -type f -perm /111 -print"
    found = target.host.run_expect([0], search, archive, user=target.user)
    assert not found.stdout.strip(), f"executable: {listed(found.stdout.splitlines())}"
