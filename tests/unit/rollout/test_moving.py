"""Companies that move between hosts: never on two at once, and never stuck where nobody runs them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostswitch.decide.changes import decide
from hostswitch.decide.seen import InDatabase
from roles.hostprogram.plan import host_plan
from rollout.apply.moving import Move, moves_to, others_answered, released
from rollout.deploys.pyinfra_inventory import view
from rollout.environment.environment import DATABASE, SERVICE, Environment, Host
from tests.unit.good_settings import GOOD
from tests.unit.hostswitch.seen import AFTER, BEFORE, PLAN

HERE = Host("wa-2", (SERVICE,), {"companies": ["2", "3"]})
MOVED = Move("3", "wa-1", "wa-2")


def test_what_another_host_still_runs_is_not_released() -> None:
    """Its service still answers for the customer: a second one would throw it off."""
    running = {"wa-1": ["1", "3"], "wa-2": ["2"], "wa-3": []}
    assert moves_to(HERE, running) == [MOVED]
    assert released(HERE, running) == ["2"]
    assert released(HERE, running, [MOVED]) == ["2", "3"]


def test_a_host_that_can_not_be_asked_releases_nothing() -> None:
    """It may run anything; silence is no answer."""
    assert released(HERE, {"wa-1": None, "wa-2": ["2"]}) == []
    assert released(HERE, {"wa-1": ["1"], "wa-2": None}) == ["2", "3"]


class Place(NamedTuple):
    """What may be known of a company when it is declared on a host."""

    session: bool
    runs_here: bool
    silent: bool
    """Another service host did not answer."""
    elsewhere: bool
    """Another service host answered that it runs the company."""
    imported_on: str | None


PLACES = st.builds(
    Place,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, PLAN.host]),
)


@given(PLACES)
def test_a_session_moves_only_where_every_other_host_answered(place: Place) -> None:
    """The host that it left is up and can't be asked: without an import record both would run it."""
    target = Host(PLAN.host, (SERVICE,), {"companies": list(PLAN.companies)})
    company = PLAN.companies[0]
    others = {
        "wa-1": None if place.silent else [],
        "wa-3": [company] if place.elsewhere else [],
    }
    running = {PLAN.host: [company] if place.runs_here else [], **others}
    data = {
        **GOOD,
        "companies": list(PLAN.companies),
        "environment": PLAN.environment,
        "released": released(target, running),
        "others_answered": others_answered(target, running),
    }
    sent = host_plan(data, PLAN.host, PLAN.revision)
    plan = replace(PLAN, released=tuple(sent["released"]), others_answered=sent["others_answered"])
    live = {"COMPANIES": company} if place.runs_here else {}
    known = InDatabase(place.session, 1313 if place.session else 0, imported_on=place.imported_on)
    before = AFTER if place.session else BEFORE
    seen = replace(before, env_live={**(before.env_live or {}), **live}, database={company: known})
    refusals = decide(plan, seen).refusals
    expected = place.session and not place.runs_here and place.silent
    assert bool(refusals) is expected
    if expected:
        said = str(refusals[0])
        assert company in said and PLAN.host in said and "rollout status lab" in said
    if place.elsewhere:
        assert moves_to(target, running), "the command refuses this itself"


@pytest.mark.parametrize(("services", "answered"), [(1, True), (2, False)])
def test_plain_pyinfra_has_asked_nobody_unless_there_is_nobody_to_ask(
    services: int, answered: bool
) -> None:
    """A small environment on an adopted database must roll out; of several hosts, one may run it."""
    hosts = [Host(f"wa-{number}", (SERVICE,), {}) for number in range(services)]
    environment = Environment("lab", (*hosts, Host("db", (DATABASE,), {})))
    given_to = dict(view(environment)["all"])
    assert [given_to[host.name]["others_answered"] for host in hosts] == [answered] * services


@pytest.mark.parametrize(
    ("plan", "state", "live", "refused"),
    [
        ({}, {"imported_on": "other"}, {}, True),
        ({"released": ("962302",)}, {"imported_on": "other"}, {}, False),
        ({}, {"imported_on": "other"}, {"COMPANIES": "1, 962302"}, False),
        ({}, {"imported_on": PLAN.host}, {}, False),
        ({}, {"imported_on": None}, {}, False),
    ],
    ids=["unknown elsewhere", "let go", "runs here already", "imported here", "never imported"],
)
def test_a_company_imported_elsewhere_starts_only_where_it_was_let_go(
    plan: dict[str, Any], state: dict[str, Any], live: dict[str, str], refused: bool
) -> None:
    """The import record knows where it ran; plain pyinfra has asked nobody."""
    seen = replace(
        AFTER,
        env_live={**(AFTER.env_live or {}), **live},
        database={"962302": InDatabase(True, 1313, **state)},
    )
    refusals = decide(replace(PLAN, **plan), seen).refusals
    assert [one.kind for one in refusals] == (["company"] if refused else [])
    assert not refused or "other" in str(refusals[0])
