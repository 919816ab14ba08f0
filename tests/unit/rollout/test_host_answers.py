"""What a host answers is judged where it comes in: no answer whatever trips up plan, report or status."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.hostprogram.command import PROGRAM
from roles.hostprogram.said import UnreadableError, object_in
from roles.hostprogram.steps import ARCHIVE, REMOVE, STEPS, SWITCH
from rollout.apply import report as reporting
from rollout.apply.one_host import (
    companies_released,
    steps_waiting,
    take_answers,
)
from rollout.apply.plan import host_plan
from rollout.apply.procedure import apply_environment
from rollout.apply.report import HostOutcome, Outcome
from rollout.cli.answers import plan_answer, restore_answer, status_answer
from rollout.cli.flags_render import render_history, render_hosts
from rollout.cli.render import plan_lines, render_plan, render_report, status_rows
from rollout.console import HarmlessConsole, table
from rollout.deploys.runs import HostRun, take_event
from rollout.environment.environment import Environment, Host
from rollout.errors import OperatorError
from rollout.flags.drift import judged
from rollout.flags.history import changes_in
from rollout.flags.host import LINES
from rollout.hosts.program import (
    FLAGS,
    RESTORING,
    RESULT,
    STATUS,
    HostRefusedError,
    ask,
    checked,
)
from rollout.hosts.ssh import Connections
from rollout.processes import checkout_lock
from rollout.run import Run
from tests.unit.ssh_server import a_host

from ..good_settings import GOOD
from ..ssh_server import ssh_server

NAMES = [
    "USE_REPOSITORY_PATTERN",
    "event",
    "at",
    "rollout_id",
    "undoes",
    "name",
    "from",
    "to",
    "flags",
]


def names_in(shape: Any) -> set[str]:
    """Every name of a shape, at any depth."""
    if isinstance(shape, dict):
        below = [names_in(inner) for inner in shape.values()]
        return {name.rstrip("?*") for name in shape}.union(*below)
    return set().union(*map(names_in, shape)) if isinstance(shape, list | tuple) else set()


TEXTS = st.sampled_from(
    ["flags", "switch", "switched", "waiting for verification", "\udc80\x1b[2J"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=3)


def answers(*shapes: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the names of shapes, and anything under them."""
    keys = st.sampled_from(sorted(set(NAMES).union(*map(names_in, shapes)) | {"x"}))
    values = st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=12,
    )
    return st.dictionaries(keys, values, max_size=6)


def console() -> HarmlessConsole:
    """Writes as a terminal's does: what has no UTF-8 can't be written."""
    return HarmlessConsole(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=80)


@given(answers(RESULT), st.sampled_from(sorted(STEPS)))
def test_no_answer_trips_up_a_plan(answer: dict[str, Any], step: str) -> None:
    """It is either refused as that host's failure, or shown."""
    run = HostRun("wa-1", succeeded=True, planned=[step])
    event = {"event": "answers", "commit": "", "answers": {STEPS[step].question: answer}}
    environment = Environment("lab", ())
    try:
        take_event(run, event, print)
    except OperatorError:
        return
    plan = host_plan(run)
    assert plan_lines(plan)
    render_plan(console(), environment, [plan])
    json.dumps(plan_answer(environment, [plan]), allow_nan=False)


@given(answers(RESULT), st.sampled_from([SWITCH.title, REMOVE.title, ARCHIVE.title]))
def test_no_answer_trips_up_the_report(answer: dict[str, Any], step: str) -> None:
    """Nor what decides whether there is something to remove."""
    run = HostRun("wa-1")
    line = json.dumps({"companies": {}, **answer})
    ended = {"name": step, "changed": True, "failed": False, "stdout": [line], "stderr": []}
    try:
        take_event(run, {"event": "operation ended", **ended}, print)
    except OperatorError:
        assert run.changed == [step]
        return
    outcome = HostOutcome("wa-1", results=run.results, changed=run.changed)
    take_answers(outcome, run)
    steps_waiting(outcome)
    report = reporting.report_of(Outcome("lab", Run("id", "ada", ""), [outcome]))
    render_report(console(), Environment("lab", ()), report)
    json.dumps(report, allow_nan=False)


@given(answers(STATUS), answers(FLAGS), answers())
def test_no_answer_trips_up_status_and_flags(
    status: dict[str, Any], flags: dict[str, Any], line: dict[str, Any]
) -> None:
    """Nor a line of the history."""
    usual: dict[str, Any] = {"revision": None, "open": None, "set_aside": [], "history": []}
    for shape, answer in (
        (STATUS, {**usual, **status}),
        (FLAGS, {**flags, "running": True, "answers": True, "problem": None}),
        (LINES.get(str(line.get("event")), {}), line),
    ):
        try:
            checked("wa-1", answer, shape)
        except OperatorError:
            continue
        if shape is STATUS:
            console().print(table(status_rows(answer)))
        elif shape is FLAGS:
            render_hosts(console(), "lab", [judged("wa-1", {}, answer, {})])
        else:
            render_history(console(), changes_in({"wa-1": [answer]}), "")


@pytest.mark.parametrize(
    "line",
    [
        '{"seconds": NaN}',
        '{"seconds": -Infinity}',
        '{"seconds": 1e999}',
        '{"seconds": ',
        "{" + '"a":{' * 100_000,
        '{"a":' * 30 + "1" + "}" * 30,
        '{"a": ' + "9" * 5000 + "}",
        "[]",
        '{"a": [' + "[]," * 2_700_000 + "[]]}",
    ],
    ids=range(9),
)
def test_a_line_that_is_no_answer_is_unreadable(line: str) -> None:
    """Bad JSON, numbers that JSON does not have, and depths that nothing here writes."""
    with pytest.raises(UnreadableError):
        object_in(line)


@pytest.mark.parametrize(
    "always", ["printf '{\\nhostswitch-exit=x\\n'", "printf '\\377\\377|||\\n'", "sleep 1; exit 9"]
)
def test_apply_writes_its_report_whatever_a_host_does(
    tmp_path: Path, always: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts that answer nonsense: the first is told as failed, the other as untouched."""
    monkeypatch.setattr(reporting, "REPORTS", tmp_path / ".rollout" / "reports")
    monkeypatch.setattr(checkout_lock, "LOCKS", tmp_path / ".rollout")
    with ssh_server(tmp_path, always=always) as (port, _):
        hosts = [
            Host(name, ("service",), {**GOOD, **a_host(tmp_path, port).settings})
            for name in ("wa-1", "wa-2")
        ]
        environment = Environment("lab", tuple(hosts))
        outcome = apply_environment(environment, hosts, Run("id", "ada", ""))
    path = reporting.save_report(reporting.report_of(outcome))
    kept = json.loads((tmp_path / path).read_text())
    assert (tmp_path / path).stat().st_mode & 0o077 == 0, (
        "it names hosts, settings and ends of logs"
    )
    assert [host["host"] for host in kept["hosts"]] == ["wa-1"]
    assert kept["untouched"] == ["wa-2"]
    assert kept["hosts"][0]["failure"].startswith("wa-1: ")
    assert 'File "' not in kept["hosts"][0]["failure"]


def test_a_host_speaks_for_itself_alone() -> None:
    """Its program's own fields stand beside ours in JSON; a program would take it for another host."""
    named = {"host": "wa-2", "environment": "other", "format": 9, "command": "x", "rollout_id": "y"}
    lab = Environment("lab", ())
    assert status_answer(lab, {"wa-1": named})["hosts"][0]["host"] == "wa-1"
    restored = restore_answer(lab, "id", {**named, "outcome": "restored"})
    assert {**restored, **restore_answer(lab, "id", {})} == restored


@pytest.mark.parametrize("now", [[], ["7"]])
def test_who_ran_a_company_is_asked_again_before_it_runs_elsewhere(
    tmp_path: Path, now: list[str]
) -> None:
    """Two sockets on one account fight; what was said when the rollout began may be over by then."""
    says = {"revision": None, "open": None, "set_aside": [], "history": [], "companies": now}
    with ssh_server(tmp_path, always=f"echo '{json.dumps(says)}'") as (port, _):
        connection = {**GOOD, **a_host(tmp_path, port).settings}
        target = Host("wa-1", ("service",), {**connection, "companies": ["7"]})
        source = Host("wa-2", ("service",), {**connection, "companies": []})
        environment = Environment("lab", (target, source))
        try:
            released = companies_released(environment, target, {"wa-1": [], "wa-2": ["7"]})
        except OperatorError as error:
            assert now == ["7"] and "company 7 still runs on wa-2" in str(error)
        else:
            assert (now, released) == ([], ["7"])


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ('echo \'{"outcome": "restored"}\'', "restored"),
        ('echo \'{"outcome": "changes"}\'; exit 2', "changes"),
        (
            'echo {}; echo \'{"outcome": "refused", "error": "no", "refusals": ["a"]}\'; exit 3',
            "wa-1: no refused ['a']",
        ),
        ('echo \'{"outcome": "locked", "error": "busy"}\'; exit 5', "wa-1: busy locked []"),
        (
            f"echo '/bin/sh: 1: {PROGRAM}: not found' >&2; exit 127",
            "wa-1: no host program yet\n  → rollout apply installs it",
        ),
        ("echo first >&2; echo 'it broke' >&2; exit 9", "wa-1: it broke"),
        ("exit 1", "wa-1: the host program said nothing"),
        ("echo '{\"outcome\": 7}'", "can't be understood"),
    ],
    ids=["done", "asked", "refused", "locked", "not there", "died", "silent", "another shape"],
)
def test_the_host_program_is_heard_in_one_way(tmp_path: Path, says: str, told: str) -> None:
    """Its own words, its verdict, or that it has none: whichever command asks."""
    with ssh_server(tmp_path, always=says) as (port, _), Connections() as connections:
        try:
            said = str(ask(connections, a_host(tmp_path, port), ["restore"], RESTORING)["outcome"])
        except HostRefusedError as error:
            said = f"{error} {error.outcome} {error.refusals}"
        except OperatorError as error:
            said = str(error)
    assert said == told or (told.startswith("can't") and told in said)
