"""Stage the service's code at the declared revision, beside the release that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.hostprogram.ask import declared_commit
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import PRUNE
from roles.shared.secret_lines import SecretLines
from roles.shared.shell import failing

STAGE_SCRIPT = Path(__file__).parent / "files" / "stage-release.sh"


@operation()
def staged(
    app_dir: str, repository: str, revision: str, entry: str, user: str
) -> Iterator[StringCommand]:
    """Have ``releases/<commit>`` complete: checked out, dependencies installed, entry parsed.

    Args:
        repository: git address that the service's user can read.
        entry: the file that Node.js runs, within the release.
        user: the service's user, as whom everything here runs.
    """
    found: dict[str, Any] = declared_commit()
    if found["staged"]:
        host.noop(f"{revision} is staged")
        return
    if not found["commit"]:
        yield failing(f"{revision} can't be resolved in {repository}: {found['reason']}")
        return
    arguments = map(QuoteString, (app_dir, repository, found["commit"], entry))
    yield StringCommand(
        "sh -s", *arguments, _sudo_user=user, _stdin=SecretLines([STAGE_SCRIPT.read_text()])
    )


def stage() -> None:
    data = host.data
    staged(
        name=f"Stage the release {data.service_revision}",
        app_dir=data.app_dir,
        repository=data.service_repository,
        revision=data.service_revision,
        entry=data.service_entry,
        user=data.service_user,
    )


# Those that run, ran before or are declared stay.
prune = host_program_step(PRUNE)
