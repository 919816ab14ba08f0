"""The commands teach themselves, and whatever stands in a plan is answered in one sentence."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostswitch.plan import Plan
from sessionstore.commands import cli
from sessionstore.commands.plan import FIELDS, read_plan

NOWHERE = {"host": "/nowhere", "password": "hunter2"}


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from commands(child)


def said_of(text: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command with a text on standard input; gives exit code, events and words."""
    told, said = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(said),
    ):
        patch.setattr(sys, "stdin", io.StringIO(text))
        code = cli.main(arguments)
    return code, told.getvalue(), said.getvalue()


@pytest.mark.parametrize("parser", list(commands(cli._parser())), ids=lambda one: one.prog)
def test_every_command_teaches_itself(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does, what each argument is, what to give, how it ends: within 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    text = parser.format_help()
    assert max(map(len, text.splitlines())) <= 80
    assert parser.description
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    assert not [one.dest for one in parser._actions if not one.help and one not in groups]
    assert groups or "exit codes: 0 " in text
    if parser.get_default("plan_needs") is not None:
        asked = (*parser.get_default("plan_needs"), *parser.get_default("plan_may_hold"))
        assert '"database"' in text and all(f"  {name}  " in text for name in asked)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just("\ud800\0"),
    lambda one: (
        st.lists(one, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "name", "reason", "method", "host"]), one)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["account", "prove", "stats", "misfiled", "migrate deploy", "explain /"]),
    ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)),
)
def test_no_plan_ends_in_a_traceback(command: str, plan: object) -> None:
    """A plan is written by hand at night; it must be told what is wrong with it, and no secret."""
    if isinstance(plan, dict) and isinstance(plan.get("database", {}), dict):
        plan = {**plan, "database": {**plan.get("database", {}), **NOWHERE}}
    words = command.split()
    option = () if words[0] in ("misfiled", "explain") else ("--plan", "-")
    code, told, said = said_of(json.dumps(plan), *words, *option)
    assert code == 1 and said.startswith("error: ")
    assert json.loads(told)["event"] == "error" and "hunter2" not in told + said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not a JSON document"),
        ("[" * 100_000, "not a JSON document"),
        ("[]", "an object"),
        ("{}", "lacks database"),
        ('{"database": {}}', "lacks directory, kind"),
    ],
)
def test_what_is_no_plan_is_told(text: str, sentence: str) -> None:
    """And where to look up what one is."""
    code, _, said = said_of(text, "account", "--plan", "-")
    assert code == 1 and sentence in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database": {"hots": "db"}}, '"database" in the plan must be an object of host,'),
        ({"database": {"host": ["db"]}}, '"database" in the plan must be an object of host,'),
        ({"database": {"host": "\ud800"}}, '"database" in the plan must be an object of host,'),
        ({"kind": "old"}, '"kind" in the plan must be one of live, backup, test'),
        ({"companies": "962302"}, '"companies" in the plan must be a list of texts'),
        ({"companys": ["962302"]}, 'did you mean "companies"?'),
        ({"service": "postgres"}, '"service" in the plan must be one of files, database, stopped'),
        ({"service": ["files"]}, '"service" in the plan must be one of files, database, stopped'),
        ({"service": "unknown"}, '"service" in the plan must be one of files, database, stopped'),
        ({"services": "files"}, 'did you mean "service"?'),
        ({"acknowledge": {"reason": 5}}, '"acknowledge" in the plan must be an object'),
    ],
)
def test_a_mistake_in_a_plan_is_named(change: dict[str, Any], sentence: str) -> None:
    """Which name, and what it must be: an id in quotes would be taken letter by letter."""
    plan = {"database": NOWHERE, "directory": "/", "kind": "live", **change}
    code, _, said = said_of(json.dumps(plan), "account", "--plan", "-")
    assert code == 1 and sentence in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


def test_the_plan_of_a_whole_host_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies on the host for the daily check, and has the database's settings in it."""
    names = {one.name for one in fields(Plan)} - {"companies"}
    plan = {**dict.fromkeys(sorted(names), "x"), "database": NOWHERE, "companies": ["1"]}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(plan)))
    arguments = argparse.Namespace(plan_needs=(), plan_may_hold=("companies", "kind", "in_use"))
    assert read_plan(arguments)["companies"] == ["1"]
