"""Legacy session directories, after the service has shown that it lives without them."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from roles.hostprogram.ask import Question, ask, declared_commit
from roles.hostprogram.command import installed_command
from roles.hostprogram.plan import host_plan
from roles.sessions.daily import daily_check_scheduled, no_daily_check
from roles.sessions.operations import cron_jobs_retired, scripts_archived

NOTHING_TO_DO = 0


def retire() -> None:
    """Scripts and cron jobs of the file sessions."""
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


def watch() -> None:
    """The daily check, or none."""
    if host.data.daily_check == "enabled":
        daily_check_scheduled(name="Schedule the daily check")
    else:
        no_daily_check(name="Take the daily check away")


def question(step: str) -> Question:
    """Is there anything to ``archive`` or to ``remove``?"""
    plan = host_plan(host.data.dict(), host.name, declared_commit()["commit"] or "")
    return Question(f"{step} --check --plan -", plan)


QUESTIONS = (lambda: question("archive"), lambda: question("remove"))


@operation()
def host_program_step(step: str) -> Iterator[StringCommand]:
    """Let the host program archive, or remove, what was set aside.

    It proves and acts inside one command and fails closed; here it is only asked whether there is
    anything to do.

    Args:
        step: ``archive`` or ``remove``.
    """
    asked = question(step)
    if ask(asked)["exit"] == NOTHING_TO_DO:
        host.noop(f"nothing to {step}")
        return
    yield installed_command(f"{step} --plan -", asked.plan)


def archive() -> None:
    """An encrypted, verified archive of every directory that was set aside."""
    host_program_step(name="Archive the legacy directories", step="archive")


def remove() -> None:
    """What is due, proven again, goes; the rest stays set aside and is reported."""
    host_program_step(name="Remove the legacy directories that are due", step="remove")
