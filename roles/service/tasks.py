"""The switch: the one dangerous act, done by the program on the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from roles.hostprogram.ask import Question, ask, declared_commit
from roles.hostprogram.command import detached_command
from roles.hostprogram.plan import ECOSYSTEM_FILE, host_plan
from roles.shared.files import content_of, put

TEMPLATES = Path(__file__).parent / "templates"
NOTHING_TO_DO = 0


def plan() -> dict[str, Any]:
    """What is declared for this host, with the commit as the host resolves it."""
    return host_plan(host.data.dict(), host.name, declared_commit()["commit"] or "")


def question() -> Question:
    """Would a switch change anything?"""
    return Question("preflight --plan -", plan())


@operation()
def switched() -> Iterator[StringCommand]:
    """Run what is staged, if it differs from what runs.

    Whether it differs is decided on the host when this step runs, never while preparing, when what
    earlier steps stage is not there yet (docs/facts.md section 5, "Two phases").
    """
    if not is_needed(ask(question())):
        host.noop("what runs is what is declared")
        return
    yield detached_command("switch --plan -", plan())


def is_needed(answer: Mapping[str, Any]) -> bool:
    """Whether the switch has anything to do, or a reason to refuse, which it then says itself.

    Only a positive answer counts as “nothing to do”: a host that did not answer is switched, and
    its own error is shown.
    """
    return answer["exit"] != NOTHING_TO_DO


def switch() -> None:
    """The service's step."""
    put(
        name="Stage PM2's description of the service",
        path=ECOSYSTEM_FILE,
        content=content_of(
            TEMPLATES / "ecosystem.config.js.j2",
            apps={host.data.service_app: host.data.service_entry, **host.data.sibling_apps},
            app_dir=host.data.app_dir,
            kill_timeout_ms=host.data.kill_timeout_ms,
            pm2_environment=plan()["pm2_environment"],
        ),
    )
    switched(name="Switch the service")
