"""What a plan says to people and to programs, from what hosts answered."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from roles.hostprogram.steps import MIGRATE
from roles.hostprogram.steps import SWITCH as THE_SWITCH
from rollout.apply.plan import HostPlan, host_plan
from rollout.cli.main import CHANGES, ERROR, NOTHING_TO_DO, exit_code
from rollout.cli.render import render_plan
from rollout.deploys.runs import HostRun
from rollout.environment.environment import Environment

SWITCH, SCHEMA = THE_SWITCH.title, MIGRATE.title


def dry_run(planned: list[str], **answers: dict[str, Any]) -> HostRun:
    """A dry run in which these steps would change something."""
    named = {name.replace("_", " "): answer for name, answer in answers.items()}
    return HostRun("wa-1", succeeded=True, planned=planned, answers=named)


def printed(plan: HostPlan) -> str:
    """The plan as a person sees it, on one line."""
    console = Console(file=io.StringIO(), width=80)
    render_plan(console, Environment("lab", ()), [plan])
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_refusal_is_shown_and_is_an_error() -> None:
    """The refusal is what the plan exists for; it must not hide behind “there are changes”."""
    refusal = "an unknown file (baileys_sessions/strange.json). Look at it"
    answer = {"exit": 3, "changes": [], "refusals": [refusal], "not_checked": []}
    plan = host_plan(dry_run([SWITCH], preflight=answer))
    assert exit_code([plan]) == ERROR
    assert f"refused: {refusal}" in printed(plan)


def test_changes_are_sentences() -> None:
    """Nobody approves a plan that prints Python."""
    change = {"kind": "release", "sentence": "release in place -> e49045dba5e1"}
    flag = {"name": "LOG_LEVEL", "from": "info", "to": "debug"}
    plan = host_plan(
        dry_run(
            [SWITCH, "Stage the next .env"],
            preflight={"exit": 2, "changes": [change]},
            env={"exit": 2, "changes": [flag]},
        )
    )
    assert exit_code([plan]) == CHANGES
    assert "Switch the service: release in place -> e49045dba5e1" in printed(plan)
    assert "LOG_LEVEL info → debug" in printed(plan)


def test_a_database_that_does_not_answer_is_an_error_where_all_else_is_done() -> None:
    """“There are changes” would send the operator to apply, which then fails."""
    answer = {"exit": 1, "error": "cannot connect to the database"}
    plan = host_plan(dry_run([SCHEMA], **{"store migrate plan": answer}))
    assert exit_code([plan]) == ERROR
    assert "cannot connect to the database" in printed(plan)


def test_what_an_earlier_step_will_make_is_not_checked_yet() -> None:
    """Before the first rollout there is no database to ask; the plan says so and goes on."""
    answer = {"exit": 1, "error": "cannot connect to the database"}
    plan = host_plan(dry_run(["Install PM2", SCHEMA], **{"store migrate plan": answer}))
    assert exit_code([plan]) == CHANGES
    assert "not checked yet: Migrate the schema: cannot connect" in printed(plan)


def test_a_dead_database_is_no_change() -> None:
    """Beside a switch that is refused for it, the plan would list both as what apply will do."""
    dead = "the database does not answer"
    plan = host_plan(
        dry_run(
            [SCHEMA, SWITCH],
            **{"store migrate plan": {"exit": 1, "error": dead}},
            preflight={"exit": 3, "changes": [], "refusals": [dead], "not_checked": []},
        )
    )
    assert (plan.changes, plan.refusals) == ((), (dead,))
    assert exit_code([plan]) == ERROR
    assert f"not checked yet: {SCHEMA}: {dead}" in printed(plan)


def test_a_step_that_would_be_refused_is_told_as_that() -> None:
    """Whichever step it is: the switch is not the only one that refuses."""
    answer = {"exit": 3, "error": "a table is in the way"}
    plan = host_plan(dry_run([SCHEMA], **{"store migrate plan": answer}))
    assert (plan.changes, plan.refusals) == ((), (f"{SCHEMA}: a table is in the way",))
    assert exit_code([plan]) == ERROR


def test_a_removal_that_is_due_later_is_told_and_is_no_change() -> None:
    """A plan that is never 0 is no plan; one that hides what will be deleted is worse."""
    due = ".set-aside/x/baileys_sessions: removal due 2026-12-03"
    plan = host_plan(dry_run([], remove={"exit": 0, "changes": [], "due": [due]}))
    assert exit_code([plan]) == NOTHING_TO_DO
    assert due in printed(plan)


def test_a_host_that_could_not_be_reached_is_an_error() -> None:
    """Silence is not “nothing to do”."""
    plan = host_plan(HostRun("wa-1", succeeded=False, failure="SSH error"))
    assert exit_code([plan, HostPlan("wa-2")]) == ERROR
