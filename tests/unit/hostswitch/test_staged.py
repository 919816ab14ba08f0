"""What is checked of a release before it is started; its scripts are its user's."""

from __future__ import annotations

import getpass
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hostswitch.base.places import Places
from hostswitch.host import Host
from hostswitch.look import staged
from hostswitch.plan import load

from .plans import PLAN


def test_scripts_without_number_are_checked_for_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a start of Node.js; a plan must not take a night."""
    monkeypatch.setattr(staged, "_SYNTAX_SECONDS", 1)
    (tmp_path / "src").mkdir()
    for number in range(150):
        (tmp_path / "src" / f"{number}.js").touch()
    plan = replace(load(json.dumps(PLAN)), release=str(tmp_path), entry="src/0.js")
    host = Host(replace(plan, service_user=getpass.getuser()), Places())
    (refusal,) = staged.syntax_refusals(host)
    assert "150 scripts take over 1 s" in refusal.what
