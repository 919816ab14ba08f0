"""Stage the service's code at the declared revision, beside the release that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.hostprogram.ask import Question, ask, declared_commit
from roles.hostprogram.command import installed_command
from roles.hostprogram.plan import host_plan
from roles.shared.secret_lines import SecretLines

NOTHING_TO_DO = 0
STAGE_SCRIPT = Path(__file__).parent / "files" / "stage-release.sh"


@operation()
def staged(
    app_dir: str, repository: str, revision: str, entry: str, user: str
) -> Iterator[StringCommand]:
    """Have ``releases/<commit>`` complete: checked out, dependencies installed, entry parsed.

    Args:
        app_dir: the application directory.
        repository: git address that the service's user can read.
        revision: tag, branch or commit.
        entry: the file that Node.js runs, within the release.
        user: the service's user, as whom everything here runs.
    """
    found: dict[str, Any] = declared_commit()
    if found["staged"]:
        host.noop(f"{revision} is staged")
        return
    if not found["commit"]:
        reason = f"{revision} can't be resolved in {repository}: {found['reason']}"
        yield StringCommand("echo", QuoteString(reason), ">&2; exit 1")
        return
    arguments = map(QuoteString, (app_dir, repository, found["commit"], entry))
    yield StringCommand(
        "sh -s", *arguments, _sudo_user=user, _stdin=SecretLines([STAGE_SCRIPT.read_text()])
    )


def question() -> Question:
    """Is there a release that may go?"""
    plan = host_plan(host.data.dict(), host.name, declared_commit()["commit"] or "")
    return Question("prune --check --plan -", plan)


@operation()
def pruned() -> Iterator[StringCommand]:
    """Let the host program take old releases away; it decides which, and when."""
    asked = question()
    if ask(asked)["exit"] == NOTHING_TO_DO:
        host.noop("no old release is there")
        return
    yield installed_command("prune --plan -", asked.plan)


def prune() -> None:
    """Old releases go once the host was verified; those that run, ran before or are declared stay."""
    pruned(name="Remove old releases")


def stage() -> None:
    """The release's step."""
    data = host.data
    staged(
        name=f"Stage the release {data.service_revision}",
        app_dir=data.app_dir,
        repository=data.service_repository,
        revision=data.service_revision,
        entry=data.service_entry,
        user=data.service_user,
    )
