"""Legacy session directories, after the service has shown that it lives without them."""

from pyinfra import host

from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import ARCHIVE, REMOVE
from roles.sessions.daily import daily_check_scheduled, no_daily_check
from roles.sessions.operations import cron_jobs_retired, scripts_archived


def schedule_daily_check() -> None:
    """Have it, or where it is not wanted, none."""
    if host.data.daily_check == "enabled":
        daily_check_scheduled(name="Schedule the daily check")
    else:
        no_daily_check(name="Take the daily check away")


def retire_scripts_and_cron_jobs() -> None:
    """Those that belong to the file sessions."""
    data = host.data
    scripts_archived(
        name="Archive the retired scripts",
        app_dir=data.app_dir,
        scripts=data.retired_scripts,
        archive=data.retired_scripts_archive,
        owner=data.service_user,
    )
    cron_jobs_retired(
        name="Retire the clean-up cron job",
        user=data.service_user,
        texts=data.retired_cron_jobs,
        keep_in=data.archive_directory,
    )


# The host program proves and acts inside one command and fails closed. What is not due stays set aside
# and is reported.
archive = host_program_step(ARCHIVE)
remove = host_program_step(REMOVE)
