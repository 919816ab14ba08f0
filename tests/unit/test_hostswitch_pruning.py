"""Which old releases may go: never the way back, never what runs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hostswitch.pruning import old_releases

NAMES = [f"{number:040x}" for number in range(8)]


def switch(before: str, after: str, outcome: str = "switched") -> dict[str, Any]:
    return {"event": "switch", "outcome": outcome, "revision": {"from": before, "to": after}}


def history(*revisions: str) -> list[dict[str, Any]]:
    """Healthy switches, one after the other."""
    return [switch(*pair) for pair in zip(["checkout", *revisions], revisions, strict=False)]


def test_the_newest_healthy_ones_stay_and_failed_ones_do_not_count() -> None:
    """A week of failed rollouts must not push the last release that worked off the host."""
    lines = history(*NAMES[:4])
    lines += [switch(NAMES[3], name, "put back") for name in NAMES[4:7]]
    assert old_releases(NAMES[:7], lines, {NAMES[3]}, 2) == [*NAMES[:2], *NAMES[4:7]]


def test_the_one_before_stays_whatever_the_number() -> None:
    lines = [*history(*NAMES[:5]), *history(NAMES[0], NAMES[4])[1:]]
    assert NAMES[0] not in old_releases(NAMES, lines, {NAMES[4]}, 1)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["switched", "put back"]))),
    st.sampled_from(NAMES),
    st.integers(1, 9),
)
def test_what_runs_and_the_way_back_never_go(
    runs: list[tuple[str, str]], declared: str, kept: int
) -> None:
    """Without the release before there is no way back from the next one."""
    current, before = "checkout", None
    lines = []
    for name, outcome in runs:
        lines.append(switch(current, name, outcome))
        if outcome == "switched":
            current, before = name, current
    old = old_releases(NAMES, lines, {current, declared}, kept)
    assert not {current, before, declared} & set(old)
    healthy = {line["revision"]["to"] for line in lines if line["outcome"] == "switched"}
    assert len(healthy - set(old)) >= min(kept, len(healthy))
