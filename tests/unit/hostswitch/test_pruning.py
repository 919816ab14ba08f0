"""Which old releases may go: never the way back, never what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.plan import load
from hostswitch.upkeep.prune import old_releases, unnamed_authorities

from .plans import PLAN

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


@pytest.mark.parametrize("named_in", ["app/.env", "app/.env.previous", "pm2/dump.pm2", "plan"])
def test_an_authority_goes_when_nothing_names_it(tmp_path: Path, named_in: str) -> None:
    """The service could not connect at its next start, or at that of the version before."""
    etc, app, pm2 = tmp_path / "etc", tmp_path / "app", tmp_path / "pm2"
    old, new, older = (
        etc / f"database-ca{part}.crt" for part in ("", f".{'a' * 16}", f".{'b' * 16}")
    )
    for place in (etc, app, pm2):
        place.mkdir()
    for file in (old, new, older, etc / "database-ca.own.crt"):
        file.touch()
    env = {"env_live": f"{app}/.env", "env_next": f"{app}/.env.next", "app_dir": str(app)}
    env |= {"pm2_home": str(pm2), "release": f"{app}/releases/{PLAN['revision']}"}
    database = {**PLAN["database"], "sslrootcert": str(new)}
    plan = load(json.dumps({**PLAN, **env, "database": database}))
    place = etc / "daily-check.json" if named_in == "plan" else tmp_path / named_in
    place.write_text(f"POSTGRES_SSL_CA={older}\n")
    host = Host(plan, Places(tmp_path))
    assert unnamed_authorities(host) == [old]
    place.unlink()
    place.symlink_to(etc)
    assert unnamed_authorities(host) == [], "what can't be read may name any"
    place.unlink()
    assert unnamed_authorities(host) == [older, old]
