"""From the description of a service to the connection that reads its tables."""

from __future__ import annotations

from typing import Any

import pytest

from hostswitch.base.structured import structured
from hostswitch.plan import Plan
from roles.hostprogram.plan import host_plan, tables
from rollout.settings.kinds import described
from sessionstore.tables import description
from sessionstore.tables.layout import Tables

from ..good_settings import GOOD

PLACE: dict[str, Any] = {"table": "signal", "value": "data", "type": "text"}
WITHOUT_A_COMPANY: dict[str, dict[str, Any]] = {
    "keys": {**PLACE, "key": ["type", "id"]},
    "credentials": {**PLACE, "table": "creds"},
}


def data(**more: Any) -> dict[str, Any]:
    """Settings of a host whose description says more."""
    own = {**GOOD["service_description"], **more}
    live = [{"path": "sessions", "kind": "live"}]
    return {
        **GOOD,
        "environment": "production",
        "service_description": own,
        "legacy_directories": live,
    }


def test_what_the_description_says_is_what_the_connection_gets() -> None:
    """Tables and names of directories; of the lab's own service it says neither."""
    told = {"buffers": ["array"], "company": "company_{company}"}
    problems: list[str] = []
    given = host_plan(data(tables=told, directory="md_{company}"), "wa-1", "0" * 40)
    plan: Plan = structured(Plan, given, "plan", problems)
    assert problems == []
    found = description.described(plan.database.settings()["tables"])
    assert found == Tables(company="company_{company}", buffers=("array",))
    assert {one.layout.named for one in plan.legacy_directories} == {"md_{company}"}
    plain: Plan = structured(Plan, host_plan(data(), "wa-1", "0" * 40), "plan", problems)
    assert problems == []
    assert description.described(plain.database.settings()["tables"]) == Tables()
    assert {one.layout.named for one in plain.legacy_directories} == {"company_{company}"}


def test_values_as_text_take_what_jsonb_refuses() -> None:
    """Only where both are text: credentials alone in jsonb would refuse a cut emoji."""
    for kind, as_text in (("text", True), ("jsonb", False)):
        credentials = {**WITHOUT_A_COMPANY["credentials"], "type": kind}
        given = data(tables={**WITHOUT_A_COMPANY, "credentials": credentials})
        problems: list[str] = []
        plan: Plan = structured(Plan, host_plan(given, "wa-1", "0" * 40), "plan", problems)
        assert problems == []
        assert {one.layout.as_text for one in plan.legacy_directories} == {as_text}
        assert description.described(plan.database.tables).as_text is as_text


@pytest.mark.parametrize(("companies", "only"), [(["7"], "7"), (["7", "8"], None), ([], None)])
def test_tables_without_a_company_are_of_the_only_one(
    companies: list[str], only: str | None
) -> None:
    """Where there are several, nothing says whose a row is: the connection refuses."""
    found = tables({**data(tables=WITHOUT_A_COMPANY), "companies": companies})
    assert found.get("only") == only


def test_ai_admin_revives_both_spellings() -> None:
    """Rows that its own writer spelled are as good as those that are imported."""
    tables_of = description.described(described({"service_kind": "ai-admin"})["tables"])
    assert tables_of.revived == {"base64", "array"} and tables_of.buffers[0] == "base64"
