"""An environment that is read ahead is the one that is there when it is wanted."""

from __future__ import annotations

import json
import os

from rollout.checkout import ROOT
from rollout.environment import ahead

FLAGS = ROOT / "group_vars" / "staging" / "flags.yml"


def test_what_was_read_ahead_is_used() -> None:
    """Else it would only cost."""
    ahead.begin(["flags", "show", "staging"])
    child, _ = ahead._begun["staging"]
    code, said, complaint = ahead.read("staging")
    assert code == 0 and child.returncode == 0, complaint
    assert json.loads(said)["hosts"]


def test_settings_that_changed_meanwhile_are_read_again() -> None:
    """Another toggle may write the YAML between the beginning and the lock."""
    ahead.begin(["flags", "set", "staging", "LOG_LEVEL=info"])
    child, _ = ahead._begun["staging"]
    os.utime(FLAGS)
    code, said, complaint = ahead.read("staging")
    assert code == 0, complaint
    assert child.returncode != 0 and json.loads(said)["hosts"]


def test_a_command_without_an_environment_reads_none() -> None:
    """`--help` must not wait for Ansible."""
    ahead.begin(["plan", "--help", "inventory/staging"])
    assert not ahead._begun
