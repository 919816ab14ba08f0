"""What a description makes of settings and signals: a wrong conclusion imports old files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hostswitch.base.structured import structured
from hostswitch.decide import gate
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled
from hostswitch.description.description import OTHER, Description, Signals
from hostswitch.description.provider import choose, choosing
from sessionstore.judgement.activity import DATABASE, FILES, UNKNOWN

from ..kinds import description, raw

AI_ADMIN = description("ai-admin")
LEGACY, REPOSITORY, STATE = (
    "USE_LEGACY_SUPABASE",
    "USE_REPOSITORY_PATTERN",
    "USE_DATABASE_AUTH_STATE",
)


@pytest.mark.parametrize(
    ("values", "keeps"),
    [
        ({}, OTHER),
        ({LEGACY: ""}, OTHER),
        ({LEGACY: "False", REPOSITORY: "true"}, OTHER),
        ({REPOSITORY: "true", STATE: "true"}, OTHER),
        ({LEGACY: "false", REPOSITORY: "true"}, FILES),
        ({LEGACY: "false", REPOSITORY: "true", STATE: "TRUE"}, FILES),
        ({LEGACY: "false", REPOSITORY: "true", STATE: "true"}, DATABASE),
        ({LEGACY: "false"}, "nowhere"),
    ],
)
def test_unset_means_what_this_service_makes_of_it(values: dict[str, str], keeps: str) -> None:
    """A host on Supabase by an unset flag was taken for one on files, and stale files were imported."""
    assert choose(AI_ADMIN.provider, values).keeps == keeps


def test_the_settings_that_are_named_as_the_way_out_lead_there() -> None:
    """A remedy that chooses another store sends the operator in circles."""
    for kind in ("lab", "ai-admin"):
        provider = description(kind).provider
        wanted = choosing(provider, DATABASE)
        others = {name: "false" for name in provider.reads if name not in wanted}
        assert choose(provider, {**others, **wanted}).keeps == DATABASE


@pytest.mark.parametrize(
    ("files", "keeps"), [(None, UNKNOWN), (["src/rows.js"], DATABASE), ([], FILES)]
)
def test_where_no_flag_says_it_the_code_does(files: list[str] | None, keeps: str) -> None:
    """The old revision reads files, the new one rows, and nothing else differs."""
    described = {**raw("lab"), "provider": {"rules": []}}
    described["provider"]["rules"] = [
        {"keeps": "database", "has": "src/rows.js"},
        {"keeps": "files", "lacks": "src/rows.js"},
    ]
    problems: list[str] = []
    found: Description = structured(Description, described, "description", problems)
    assert not problems
    assert choose(found.provider, {}, files).keeps == keeps


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"signals": {"http": {"path": "/health"}}}, "no signal tells what it keeps"),
        (
            {"signals": {"http": {"path": "health"}, "database": True}},
            "path must be a path that begins",
        ),
        (
            {"signals": {"log": {"connected": "("}, "database": True}},
            "must be a regular expression",
        ),
        ({"signals": {"log": {"provider": {"disk": "x"}}}}, "disk is no store"),
        ({"provider": {"rules": [{"keeps": "files", "on": ["A"]}]}}, "does not say how it reads A"),
        ({"provider": {"rules": [{"keeps": "files"}]}}, "no rule of provider keeps database"),
        ({"environment": {"company": "A", "companies": "B"}}, "both companies and company"),
        ({"environment": {"hosts": "A"}}, "environment.hosts is not known"),
        ({"directory": "sessions"}, "directory must be a name with {company} in it"),
        ({"tables": {"keys": {"table": "k", "value": "v"}}}, "tables.keys lacks key"),
        ({"tables": {"buffers": ["hex"]}}, "tables.buffers must be a list"),
    ],
)
def test_a_description_that_can_not_be_meant_is_a_mistake(
    change: dict[str, Any], told: str
) -> None:
    """What is only found after the stop leaves the service down."""
    problems: list[str] = []
    structured(Description, {**raw("ai-admin"), **change}, "description", problems)
    assert told in "; ".join(problems)


EXPECTED = Expectation({"962302": Company(DATABASE, True, 0)}, connected=True)
WELL = Signalled(
    answer={"companyId": "962302", "status": "connected", "connected": True},
    log="12:00 \u2705 credentials loaded for 962302\n12:01 WhatsApp connected for company 962302\n",
    connections=2,
)


def test_a_service_that_says_little_is_well_by_all_its_signals() -> None:
    """Its endpoint tells no provider: the database does, and its log the rest."""
    assert gate.problems(AI_ADMIN.signals, WELL, EXPECTED) == []
    assert gate.untold(AI_ADMIN.signals, EXPECTED) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"answer": {**WELL.answer, "companyId": "5"}},
            "runs (GET /health shows companyId is '5')",
        ),
        (
            {"answer": {"status": "not_initialized"}},
            "it is not what runs (GET /health shows no companyId)",
        ),
        ({"connections": 0}, "it does not run on PostgreSQL (nothing shows it)"),
        ({"log": ""}, "credentials are not loaded (nothing shows it)"),
        (
            {"log": WELL.log + "no session, creating new for 962302"},
            "are not loaded (its log says",
        ),
        ({"log": WELL.log.replace("962302", "9623020")}, "credentials are not loaded"),
        ({"log": WELL.log.splitlines()[0]}, "not connected to WhatsApp (nothing shows it)"),
    ],
)
def test_each_signal_that_is_wrong_on_its_own_is_not_healthy(
    wrong: dict[str, Any], told: str
) -> None:
    """Another company answers, it makes a new identity, or never connects: nobody goes back later."""
    found = gate.problems(AI_ADMIN.signals, replace(WELL, **wrong), EXPECTED)
    assert [told in problem for problem in found].count(True) == 1, found


def test_the_last_line_about_the_provider_counts() -> None:
    """A start that falls back to files writes of PostgreSQL first."""
    found: Signals = structured(
        Signals, {"log": {"provider": {"database": "on PostgreSQL", "files": "on files"}}}, "", []
    )
    log = "on PostgreSQL\nno route to host\nnow on files\n"
    (problem,) = gate.problems(found, Signalled(log=log), EXPECTED)
    assert "does not run on PostgreSQL (its log says 'now on files')" in problem
    assert not gate.problems(found, Signalled(log=log + "again on PostgreSQL"), EXPECTED)
