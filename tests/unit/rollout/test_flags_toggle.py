"""What a toggle would do, and what hosts' answers and histories mean; no host is contacted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.environment.environment import Environment, Host
from rollout.errors import MistakesError, OperatorError
from rollout.flags import files
from rollout.flags.drift import PENDING, SHADOW, judged
from rollout.flags.edit import decided, parsed
from rollout.flags.history import changes_in, to_undo
from rollout.flags.toggle import goes_back
from rollout.hosts.program import HostRefusedError
from rollout.processes.checkout_lock import only_one
from rollout.secret import MASK, Secret
from rollout.settings import where

FLAGS = {
    "USE_LEGACY_SUPABASE": "false",
    "USE_REPOSITORY_PATTERN": "true",
    "LOG_LEVEL": "info",
    "MESSAGE_ECHO": "false",
}
YAML = "# the truth\nflags:\n" + "".join(f'  {name}: "{one}"\n' for name, one in FLAGS.items())
AGREE = {"source": "file", "told": True, "repeated": False}


def host(name: str, **overrides: str) -> Host:
    """A service host as it is loaded, with its own flags over the environment's."""
    settings = {
        "flags": {**FLAGS, **overrides},
        "flag_overrides": overrides,
        "schema_host": "wa-1",
    }
    return Host(name, ("service",), settings)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of its own, with the environment `x` in it."""
    for module in (files, where):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(where, "VARIABLES", tmp_path / "group_vars")
    (tmp_path / "group_vars" / "x").mkdir(parents=True)
    (tmp_path / "group_vars" / "x" / "flags.yml").write_text(YAML)
    yield tmp_path


def of(*hosts: Host) -> Environment:
    """An environment of these hosts."""
    return Environment("x", hosts)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("LOG_LEVEL", "is no NAME=VALUE"),
        ("LOG_LEVL=info", "did you mean LOG_LEVEL?"),
        ("LOG_LEVEL=loud", "must be one of"),
        ("USE_REPOSITORY_PATTERN=false", "rollout plan x"),
        ("USE_LEGACY_SUPABASE=true", "changes data"),
    ],
)
def test_what_may_not_be_toggled_is_refused_without_a_host(word: str, words: str) -> None:
    """A provider switched by a toggle makes new credentials: the pairing is lost."""
    with pytest.raises(OperatorError) as refused:
        parsed("x", [word])
    assert words in str(refused.value)


def test_values_are_taken_to_the_letter() -> None:
    """Everything behind the first = is the value, spelled as the catalogue says."""
    assert parsed("x", ["MESSAGE_ECHO=Yes", "LOG_LEVEL=warn"]) == {
        "MESSAGE_ECHO": "true",
        "LOG_LEVEL": "warn",
    }
    with pytest.raises(OperatorError, match="twice"):
        parsed("x", ["LOG_LEVEL=warn", "LOG_LEVEL=info"])


def test_a_canary_is_spread_and_ended(root: Path) -> None:
    """One host first; then the same command without --host, and nothing of the canary is left."""
    canary = decided(of(host("wa-1"), host("wa-2")), {"LOG_LEVEL": "debug"}, "wa-2")
    (file,) = canary.files
    file.write()
    own = root / "host_vars" / "wa-2" / "flags.yml"
    assert own.read_text() == "flag_overrides:\n  LOG_LEVEL: debug\n"
    assert [one.name for one in canary.hosts] == ["wa-2"]
    assert (root / "group_vars" / "x" / "flags.yml").read_text() == YAML

    both = of(host("wa-1"), host("wa-2", LOG_LEVEL="debug"))
    spread = decided(both, {"LOG_LEVEL": "debug"}, None)
    for file in spread.files:
        file.write()
    assert not (root / "host_vars").exists()
    assert (root / "group_vars" / "x" / "flags.yml").read_text() == YAML.replace("info", "debug")
    assert {one.settings["flags"]["LOG_LEVEL"] for one in spread.hosts} == {"debug"}
    for file in spread.files:
        file.put_back()
    assert own.exists() and (root / "group_vars" / "x" / "flags.yml").read_text() == YAML

    ended = decided(both, {"LOG_LEVEL": None}, "wa-2")
    for file in ended.files:
        file.write()
    assert not (root / "host_vars").exists()
    assert ended.hosts[0].settings["flags"]["LOG_LEVEL"] == "info"


def test_a_host_with_a_value_of_its_own_keeps_it(root: Path) -> None:
    """What somebody set for one host on purpose is not swept away silently."""
    toggle = decided(of(host("wa-1", LOG_LEVEL="trace")), {"LOG_LEVEL": "warn"}, None)
    assert toggle.hosts[0].settings["flags"]["LOG_LEVEL"] == "trace"
    assert any("wa-1 keeps its own LOG_LEVEL=trace" in note for note in toggle.notes)


def test_a_broken_rule_stops_it_before_any_host(root: Path) -> None:
    """The rules hold for what each host would have, whatever was toggled."""
    broken = Host("wa-1", ("service",), {"flags": {**FLAGS, "USE_LEGACY_SUPABASE": "true"}})
    with pytest.raises(MistakesError, match="two truths"):
        decided(of(broken), {"LOG_LEVEL": "warn"}, None)


def test_a_file_that_was_edited_meanwhile_is_not_put_back(root: Path) -> None:
    """Putting back over a colleague's edit would lose it."""
    (file,) = decided(of(host("wa-1")), {"LOG_LEVEL": "debug"}, None).files
    file.write()
    file.path.write_text(file.path.read_text() + "# a colleague\n")
    with pytest.raises(OperatorError, match="edited meanwhile"):
        file.put_back()
    assert "a colleague" in file.path.read_text()


def test_two_toggles_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one would read the YAML that the first is about to write."""
    monkeypatch.setattr("rollout.processes.checkout_lock.LOCKS", root)
    with (
        only_one("toggle", "alice"),
        pytest.raises(OperatorError, match="alice"),
        only_one("toggle", "bob"),
    ):
        pass
    with only_one("toggle", "bob"):
        pass


@pytest.mark.parametrize(
    ("error", "some_done", "back"),
    [
        (HostRefusedError("wa-3", "put back", "not healthy"), True, True),
        (HostRefusedError("wa-3", "refused", "the database is away"), True, True),
        (HostRefusedError("wa-3", "left stopped", "alarm"), True, True),
        (HostRefusedError("wa-3", "locked", "another run"), True, False),
        (HostRefusedError("wa-1", "locked", "another run"), False, True),
        (OperatorError("wa-3 can't be reached"), True, False),
        (OperatorError("wa-1: the connection broke"), False, False),
    ],
)
def test_only_a_verdict_takes_all_hosts_back(
    error: OperatorError, some_done: bool, back: bool
) -> None:
    """A cable that breaks at the third of five says nothing about the flag; a failed gate does."""
    assert goes_back(error, some_done) == back


@pytest.mark.parametrize(
    ("found", "drift"),
    [
        ({"file": "info", "process": "info", "service": "info"}, ""),
        ({"file": "warn", "process": "warn", "service": "warn"}, "not in the .env yet"),
        ({"file": "info", "process": "warn", "service": "warn"}, PENDING),
        ({"file": "info", "process": "warn", "service": "warn", "source": "exported"}, SHADOW),
        ({"file": "info", "process": "info", "service": "info", "source": "exported"}, ""),
        ({"file": "info", "process": None, "service": "warn", "source": "unknown"}, PENDING),
        ({"file": "info", "process": None, "service": "info", "source": "unknown"}, ""),
        ({"file": "info", "process": None, "service": None, "source": "unknown", "told": False}, PENDING),
        ({"file": "info", "process": "info", "service": "warn"}, "the service sees another value"),
        ({"file": "info", "process": "info", "service": None, "told": False}, ""),
        ({"file": "info", "process": "info", "service": "info", "repeated": True}, "more than once"),
    ],
)  # fmt: skip
def test_every_difference_has_its_name(found: dict[str, Any], drift: str) -> None:
    """The four places differ for different reasons, each with its own cure."""
    flags = {"LOG_LEVEL": {**AGREE, **found}}
    seen = {"running": True, "answers": True, "problem": None, "flags": flags}
    result = judged("wa-1", {"LOG_LEVEL": "info"}, seen, {})
    assert (result.rows[0].drift == "") == (drift == "") and drift in result.rows[0].drift
    assert result.differs == bool(drift)


def test_a_stopped_service_and_a_secret() -> None:
    """“Agrees” is never said of a process that is not there, nor a secret shown."""
    entry = {**AGREE, "file": MASK, "process": None, "service": None, "source": "unknown"}
    seen = {"running": False, "answers": False, "problem": None, "flags": {"KEY": entry}}
    result = judged("wa-1", {"KEY": Secret("hunter2")}, seen, {"KEY": Secret("hunter2")})
    assert result.differs and "does not run" in result.problems[0]
    assert "hunter2" not in repr(result)


def line(rollout_id: str, event: str = "flags", **more: Any) -> dict[str, Any]:
    """A line of a host's history."""
    changes = [{"name": "LOG_LEVEL", "from": "info", "to": "debug"}]
    base = {"event": event, "at": f"2026-11-22T{rollout_id}:00:00.000Z", "rollout_id": rollout_id}
    if event == "switch":
        return {**base, "outcome": "switched", "flags": changes, **more}
    return {**base, "scope": "environment", "undoes": "", "changes": changes, **more}


def test_history_and_what_is_left_to_undo() -> None:
    """Undo goes back one toggle at a time, never over a cut-over, and not twice over one that was
    taken back because a later host failed."""
    lines = [line("10"), line("10", "switch"), line("11"), line("12", undoes="11")]
    changes = changes_in({"wa-1": lines, "wa-2": lines[2:3]})
    assert [(one.rollout_id, one.how, one.hosts) for one in changes] == [
        ("10", "set", ("wa-1",)),
        ("11", "set", ("wa-1", "wa-2")),
        ("12", "undo", ("wa-1",)),
    ]
    assert to_undo("x", changes).rollout_id == "10"
    taken_back = [line("13"), line("13", undoes="13")]
    assert to_undo("x", changes_in({"wa-1": [*lines, *taken_back]})).rollout_id == "10"
    partly = changes_in({"wa-1": [*lines, *taken_back], "wa-2": [line("13")]})
    assert to_undo("x", partly).rollout_id == "13"
    undo_taken_back = [line("13", undoes="10"), line("13", undoes="13")]
    assert to_undo("x", changes_in({"wa-1": [*lines, *undo_taken_back]})).rollout_id == "10"
    data = [{"name": "USE_REPOSITORY_PATTERN", "from": "false", "to": "true"}]
    for more, words in (
        ([line("13", "switch", flags=data)], "changes data"),
        ([line("13", "switch")], "came with the rollout 13"),
        ([line("13", undoes="10")], "no toggle is left"),
    ):
        with pytest.raises(OperatorError, match=words):
            to_undo("x", changes_in({"wa-1": [*lines, *more]}))
