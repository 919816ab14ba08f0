"""What was written to clean up session files, and must not run any more."""

from typing import Any

from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, not_checked

CRON_PLACES = (
    "/var/spool/cron /etc/crontab /etc/anacrontab"
    " /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly"
)
SEARCH = "grep -arsF -D skip"


def script_names(declared: Declared) -> list[str]:
    """Of the retired scripts; not checked where there is none."""
    names = [script.rsplit("/", 1)[-1] for script in declared.texts("retired_scripts")]
    if not names:
        not_checked("no script is declared as retired")
    return names


def test_no_cron_job_is_left(host: Any, declared: Declared) -> None:
    """The clean-up job would delete rows or files of live sessions at night."""
    texts = declared.texts("retired_cron_jobs")
    if not texts:
        not_checked("no cron job is declared as retired")
    patterns = " ".join("-e %s" for _ in texts)
    # -s and 2 for places that this host does not have.
    found = host.lines(f"{SEARCH} {patterns} -- {CRON_PLACES}", *texts, ends=(0, 1, 2))
    jobs = [line.partition(":") for line in found]
    active = [f"{file}: {job}" for file, _, job in jobs if not job.lstrip().startswith("#")]
    assert not active, listed(active)


def test_no_timer_runs_a_retired_script(host: Any, declared: Declared) -> None:
    """The same clean-up, started by systemd instead of cron."""
    names = script_names(declared)
    patterns = " ".join("-e %s" for _ in names)
    found = host.lines(f"{SEARCH} -l {patterns} -- /etc/systemd/system", *names, ends=(0, 1))
    assert not found, f"named in: {listed(found)}"


def test_retired_scripts_are_not_at_hand(target: Target, declared: Declared) -> None:
    """Somebody runs one out of habit: it makes new credentials or deletes keys."""
    scripts = declared.texts("retired_scripts")
    roots = [str(declared.app_dir), target.release]
    places = [f"{root}/{script}" for root in roots for script in scripts]
    there = target.probe("disk.allocated", *places)
    assert not there, f"still there: {joined(sorted(there))}"


def test_retired_scripts_are_archived(target: Target, declared: Declared) -> None:
    """What the scripts did can no longer be looked up when an old session has to be understood."""
    archive = declared.text("retired_scripts_archive")
    roots = [str(declared.app_dir), target.release]
    places = {
        name: [f"{root}/{archive}/{name}" for root in roots] for name in script_names(declared)
    }
    there = target.probe("disk.allocated", *(path for paths in places.values() for path in paths))
    missing = [name for name, paths in places.items() if there.keys().isdisjoint(paths)]
    assert not missing, f"not in {archive}: {joined(missing)}"


def test_archived_scripts_can_not_be_run_by_accident(target: Target, declared: Declared) -> None:
    """An executable script in the archive is one tab key away from running."""
    archive = f"{declared.app_dir}/{declared.text('retired_scripts_archive')}"
    if not target.host.file(archive).exists:
        not_checked(f"{archive} does not exist")
    search = "find %s -type f -perm /111 -print"
    found = target.host.lines(search, archive, user=target.user)
    assert not found, f"executable: {listed(found)}"
