"""What hosts tell is shown to an operator: a file's name or a line of a log must not act on a terminal."""

from __future__ import annotations

import pytest

from hostswitch.base import output
from hostswitch.base.errors import Refusal, RefusedError
from rollout.apply.plan import HostPlan
from rollout.apply.report import HostOutcome, Outcome, host_report, report_of
from rollout.cli.main import show_error
from rollout.cli.render import render_plan, render_report, render_status, render_verification
from rollout.console import progress, stdout_console
from rollout.environment.environment import Environment
from rollout.errors import OperatorError
from rollout.run import Run
from rollout.verify.checks import Check, VerificationResult

HOSTILE = "a\x1b[2J\x07\x9b31m\u202eb\r"
ESCAPED = r"a\x1b[2J\x07\x9b31m\u202eb\r"
LAB = Environment("lab", ())


def assert_harmless(shown: str, lines: int) -> None:
    """Every line is printable, and the hostile text is there for people to read."""
    assert all(line.isprintable() for line in shown.split("\n")), repr(shown)
    assert "".join(shown.split()).count(ESCAPED) == lines, shown


def test_results_of_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    """Plan, report, verification, status."""
    console = stdout_console()
    render_plan(console, LAB, [HostPlan("wa-1", changes=(HOSTILE,), refusals=(HOSTILE,))])
    assert_harmless(capsys.readouterr().out, 2)
    host = host_report(HostOutcome("wa-1", kept=[HOSTILE]))
    changed = {**host, "changed": ["x"], "not_checked": [HOSTILE], "found": [HOSTILE]}
    failed = {**host, "failure": f"{HOSTILE}\n{HOSTILE}"}
    report = {**report_of(Outcome("lab", Run("r", "o", ""))), "hosts": [host, changed, failed]}
    render_report(console, LAB, report)
    assert_harmless(capsys.readouterr().out, 6)
    check = Check("t", "d", "wa-1", "It breaks.", "failed", HOSTILE, f"{HOSTILE}\n{HOSTILE}", 0.1)
    render_verification(console, LAB, VerificationResult("lab", (check,), 1.0, 1, 1.0))
    assert_harmless(capsys.readouterr().out, 3)
    render_status(console, LAB, {"wa-1": {"error": HOSTILE}})
    assert_harmless(capsys.readouterr().out, 1)


def test_errors_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """Both go to the same terminal."""
    show_error(OperatorError(HOSTILE, HOSTILE), as_json=False)
    assert_harmless(capsys.readouterr().err, 2)
    with progress() as shown:
        shown.of("wa-1").step(HOSTILE)
    assert_harmless(capsys.readouterr().err, 1)


def test_on_the_host_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """By hand, on the host, as root."""
    refusal = Refusal("remove", f"{HOSTILE}\nNothing is wrong", f"{HOSTILE}\n", HOSTILE)
    output.progress(str(RefusedError([refusal, refusal])))
    said = capfd.readouterr().err
    assert_harmless(said, 6)
    assert len(said.splitlines()) == 2, "a name ended a line"
