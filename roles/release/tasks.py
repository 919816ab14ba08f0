"""Stage the service's code at the declared revision, beside the release that runs."""

from collections.abc import Iterator
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.hostprogram.commit import declared_commit
from roles.hostprogram.step import host_program_step
from roles.hostprogram.steps import PRUNE
from roles.shared.shell import SecretLines, failing

STAGE_SCRIPT = Path(__file__).parent / "files" / "stage-release.sh"


@operation()
def staged() -> Iterator[StringCommand]:
    """Have ``releases/<commit>`` complete: checked out, dependencies installed, entry parsed.

    All of it as the service's user, who alone need be able to read the repository.
    """
    data, found = host.data, declared_commit()
    revision, repository, commit = data.service_revision, data.service_repository, found["commit"]
    if found["staged"]:
        host.noop(f"{revision} is staged")
        return
    if not commit:
        yield failing(f"{revision} can't be resolved in {repository}: {found['reason']}")
        return
    left_out = data.service_description.get("release_excludes", [])
    words = (data.app_dir, repository, commit, data.service_entry, *left_out)
    arguments = map(QuoteString, words)
    text = SecretLines([STAGE_SCRIPT.read_text()])
    yield StringCommand("sh -s", *arguments, _sudo_user=data.service_user, _stdin=text)


def stage() -> None:
    """At the declared revision."""
    staged(name=f"Stage the release {host.data.service_revision}")


# Those that run, ran before or are declared stay.
prune = host_program_step(PRUNE)
