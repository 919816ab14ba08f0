"""`rollout verify`: what the checks' lines become, and a real run of pytest under it."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from rollout.cli.render import render_verification
from rollout.console import HarmlessConsole
from rollout.environment.environment import Environment, Host, load
from rollout.errors import MistakesError, OperatorError
from rollout.verify.checks import FAILED, FOUND, Check, VerificationResult
from rollout.verify.junit import junit_xml
from rollout.verify.verify import collect, pytest_command, run_suite

ROOT = Path(__file__).resolve().parents[3]
CHECK = {
    "event": "check",
    "check": "test_it",
    "concern": "disk",
    "host": "wa-1",
    "says": "Everything breaks.",
    "reason": "",
    "log": "",
    "seconds": 0.1,
}
PLANNED = {"event": "planned", "count": 2}
END = {"event": "end", "commands": 7, "command_ms": 3.25}

SUITE_CONFTEST = """
import pytest
from tests.host.support.reporting import Reporter, SideBySide


class WithoutHosts:
    secrets = ["hunter2hunter2"]
    commands = 3
    logs_read = 0

    def command_ms(self):
        return 2.5

    def close(self):
        pass

    def known_target(self, name):
        return self

    def log_end(self):
        self.logs_read += 1
        return f"log {self.logs_read}: password=hunter2hunter2"


def pytest_addoption(parser):
    parser.addoption("--report-to")
    parser.addoption("--environment-from", type=int)


def pytest_configure(config):
    reporter = Reporter(WithoutHosts())
    config.pluginmanager.register(reporter)
    numbers = map(int, config.getoption("--report-to").split(","))
    descriptors = dict(zip(["", "db-1"], numbers))
    config.pluginmanager.register(SideBySide(reporter, descriptors, 1))
"""
SUITE_TESTS = '''
import pytest
from tests.host.support.wording import found, not_checked, problems


def test_good():
    """Nothing breaks."""


def test_bad():
    """The service stops."""
    there = 1
    assert there == 2, "the password is hunter2hunter2"


@problems
def test_several():
    """Two things break."""
    yield "one is broken"
    yield "two is broken: hunter2hunter2"


@problems
def test_none():
    """Nothing does."""
    yield from ()


def test_unknown():
    """Nobody knows."""
    not_checked("there is no WhatsApp here")


def test_misfiled():
    """Keys are never found."""
    found("7 keys under wrong names")


@pytest.fixture
def broken():
    raise RuntimeError("no such thing")


def test_never_begun(broken):
    """It can't even be looked at."""
'''


def lines(*events: dict[str, Any]) -> list[str]:
    """Events as the checks' process writes them."""
    return [json.dumps(event) + "\n" for event in events]


def collected(*events: dict[str, Any]) -> VerificationResult | None:
    """What a host's events amount to."""
    return collect("lab", lines(*events), lambda _: None, time.monotonic())


def small_suite(folder: Path, tests: str) -> Path:
    """A folder of checks that need no host, with the project's own reporter."""
    (folder / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{SUITE_CONFTEST}"
    )
    (folder / "test_disk.py").write_text(tests)
    return folder


def test_lines_become_a_result() -> None:
    """Counts are of the checks themselves, and not checked is not passed."""
    seen: list[str] = []
    found = collect(
        "lab",
        iter(
            lines(
                PLANNED,
                {**CHECK, "outcome": "passed"},
                {**CHECK, "outcome": "not checked", "reason": "offline"},
                END,
            )
        ),
        lambda check: seen.append(check.outcome),
        time.monotonic() - 1,
    )
    assert found is not None
    assert found.counts == {"passed": 1, "failed": 0, "not checked": 1, "found": 0}
    assert (found.commands, found.command_ms, found.exit_code) == (7, 3.25, 0)
    assert found.seconds >= 1
    assert seen == ["passed", "not checked"]
    assert found.to_json()["checks"][1]["reason"] == "offline"


def test_one_failure_decides() -> None:
    """A single failed check is exit code 1."""
    events = (PLANNED, {**CHECK, "outcome": "passed"}, {**CHECK, "outcome": "failed"}, END)
    found = collected(*events)
    assert found is not None
    assert found.exit_code == 1
    assert [check.outcome for check in found.with_outcome("failed")] == ["failed"]


def test_a_finding_fails_the_verification_and_nothing_else() -> None:
    """What no rollout mends must alarm whoever verifies each night, and must stop no rollout."""
    events = ({**PLANNED, "count": 1}, {**CHECK, "outcome": "found", "reason": "7 keys"}, END)
    result = collected(*events)
    assert result is not None
    assert result.counts == {"passed": 0, "failed": 0, "not checked": 0, "found": 1}
    assert result.exit_code == 1
    assert b'failures="1"' in junit_xml(result) and b"7 keys" in junit_xml(result)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [PLANNED],
        [PLANNED, {**CHECK, "outcome": "passed"}],
        [PLANNED, {**CHECK, "outcome": "passed"}, END],
        [END],
    ],
)
def test_an_unfinished_run_is_no_result(events: list[dict[str, Any]]) -> None:
    """Checks that were cut off, or none at all, never count as passed."""
    assert collected(*events) is None


def test_a_real_run(tmp_path: Path) -> None:
    """Passed, failed, not checked and a broken fixture, each as what it is; secrets masked."""
    seen: list[Check] = []
    suite = small_suite(tmp_path, SUITE_TESTS)
    found, other = run_suite(Environment("lab", ()), suite, [], {"": seen.append, "db-1": print})
    # `--only disk` leaves nothing to check on a host of another group: no failure, and nothing passed.
    assert other.checks == ()
    assert list(found.checks) == seen
    outcomes = {check.check: check.outcome for check in found.checks}
    assert outcomes == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_several": "failed",
        "test_none": "passed",
        "test_unknown": "not checked",
        "test_misfiled": "found",
        "test_never_begun": "failed",
    }
    by_name = {check.check: check for check in found.checks}
    assert by_name["test_bad"].reason == "the password is ********"
    assert by_name["test_several"].reason == "one is broken\ntwo is broken: ********"
    assert by_name["test_several"].says == "Two things break."
    assert by_name["test_bad"].says == "The service stops."
    assert by_name["test_bad"].concern == "disk"
    assert by_name["test_unknown"].reason == "there is no WhatsApp here"
    assert by_name["test_never_begun"].reason == "no such thing"
    assert (found.commands, found.command_ms, found.exit_code) == (3, 2.5, 1)
    # The log once, however many checks of the host failed: with the first one, masked.
    assert by_name["test_bad"].log == "log 1: password=********"
    assert by_name["test_never_begun"].log == ""


ENDLESS = f'''
def test_answer():
    """It is too long to be told."""
    raise AssertionError("hunter2hunter2 " + "x" * {2 << 20})


def test_memory():
    """It is too much to be held."""
    bytearray({5 << 30})
'''


def test_what_others_say_without_end_ends(tmp_path: Path) -> None:
    """A database that answers without end took this machine's memory, or the report's room."""
    found, _ = run_suite(
        Environment("lab", ()), small_suite(tmp_path, ENDLESS), [], {"": print, "db-1": print}
    )
    told, memory = found.checks
    assert told.reason.startswith("******** xxx") and len(told.reason) < 1 << 17
    assert (memory.outcome, memory.reason) == ("failed", "MemoryError")


def test_a_run_that_breaks_is_an_error(tmp_path: Path) -> None:
    """Checks that can't be imported end in an error that shows why, not in a result."""
    with pytest.raises(OperatorError, match="nothing counts as passed") as caught:
        suite = small_suite(tmp_path, "import no_such_module\n")
        run_suite(Environment("lab", ()), suite, [], {"": print})
    assert "no_such_module" in str(caught.value)


def test_mistakes_come_before_any_host() -> None:
    """An environment that is not filled in is refused with its list of mistakes."""
    with pytest.raises(MistakesError, match="no host was contacted"):
        load("staging")


def test_unknown_host_is_named() -> None:
    """A typing mistake in --host is told before anything runs."""
    with pytest.raises(OperatorError, match="lab has no host 'wa-l'; it has wa-1"):
        Environment("lab", (Host("wa-1", (), {}),)).host("wa-l")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 5, "tests/host: left out, because they look at an environment's hosts"),
        (["--environment", "staging"], 4, "no host was contacted"),
    ],
)
def test_the_suite_by_itself(options: list[str], code: int, said: str) -> None:
    """`pytest tests/host` says what it leaves out, or what is wrong with the environment."""
    done = subprocess.run(
        pytest_command(ROOT / "tests" / "host", options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_a_host_that_can_not_be_reached_is_told_once() -> None:
    """A hundred times the same sentence hides the one that differs."""
    gone = [Check(f"c{at}", "disk", "wa-1", "says", FAILED, "gone", "", 0.1) for at in range(3)]
    other = Check("c9", "disk", "wa-2", "says", FAILED, "full", "", 0.1)
    console = HarmlessConsole(file=StringIO(), width=80)
    result = VerificationResult("lab", (*gone, other), 1.0, 1, None)
    render_verification(console, Environment("lab", ()), result)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert told.count("gone") == 1
    assert "FAILED wa-1: 3 checks, with one reason" in told
    assert "FAILED wa-2: c9" in told
    assert "4 failed" in told


def test_an_acknowledged_failure_stops_nothing_and_is_told_each_time() -> None:
    """A flaw of the service that nobody mends this year would keep its old directories for ever."""
    failed = Check("test_it", "process", "wa-1", "", FAILED, "it listens on 0.0.0.0", "a log", 0.1)
    both = (failed, replace(failed, check="other"))
    result = VerificationResult("trial", both, 1.0, commands=7, command_ms=None)
    first, other = result.acknowledging({"test_it": "the team's firewall"}).checks
    assert (first.outcome, other.outcome) == (FOUND, FAILED)
    assert first.reason == "test_it: it listens on 0.0.0.0 (acknowledged: the team's firewall)"
