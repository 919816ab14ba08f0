"""`rollout` as an operator and as a shell meet it: help, mistyped words, completion, colour, JSON."""

from __future__ import annotations

import dataclasses
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from rollout.apply.plan import HostPlan
from rollout.apply.report import HostOutcome, Outcome, report_of
from rollout.cli import answers
from rollout.environment.environment import Environment, Host, environment_names
from rollout.errors import OperatorError, unforeseen
from rollout.run import Run
from rollout.verify.checks import Check, VerificationResult
from rollout.verify.junit import write_junit
from rollout.verify.verify import verify

from .trial import declare, run

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
COMMANDS = ("plan", "apply", "verify", "status")
WIDTH = 80
CHECK = Check(
    "test_it", "disk", "wa-1", "It breaks.", "failed", "it is \x1b[1m full", "the log", 0.25
)
RESULT = VerificationResult(
    "lab",
    (CHECK, dataclasses.replace(CHECK, outcome="not checked", reason="offline", log="")),
    1.5,
    7,
    3.25,
)
OUTCOME = Outcome("lab", Run("id", "me", "why"), [HostOutcome("wa-1")])


def rollout(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as it is installed."""
    return subprocess.run(
        [str(BIN / "rollout"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_in_80_columns(command: str) -> None:
    """Whoever is called at night has a terminal and no book: examples and exit codes stand there."""
    shown = rollout(command, "--help", COLUMNS="200").stdout
    assert "Examples:\n" in shown and "Exit codes:\n" in shown, shown
    assert f"rollout {command} production" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_the_first_help_names_every_command_and_exit_code() -> None:
    """It is the first thing that a new operator reads; nothing in it may be cut off."""
    shown = rollout("--help", COLUMNS="200").stdout
    for word in (*COMMANDS, "--install-completion", "64", "130"):
        assert word in shown
    listed = shown.partition("Commands:\n")[2]
    assert "…" not in listed and "..." not in listed
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_the_help_of_flags_is_whole() -> None:
    """A sentence cut off in the middle teaches nothing."""
    shown = rollout("flags", "--help", COLUMNS="200").stdout
    assert "..." not in shown.partition("Commands:\n")[2]
    assert max(map(len, shown.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["plan", "prodution"], 1, "Did you mean production?"),
        (["verify", "stagng"], 1, "Did you mean staging?"),
        (["pln", "lab"], 64, "plan"),
        (["plan", "lab", "--hots", "wa-1"], 64, "--host"),
        (["plan"], 64, "There are lab, "),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    words: list[str], code: int, said: str
) -> None:
    """A typing mistake costs a second, not a search through the documentation."""
    done = rollout(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    "odd", [{"LC_ALL": "POSIX"}, {"LC_ALL": "de_XX.UTF-8"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_a_terminal_of_another_language_shows_what_there_is(odd: dict[str, str]) -> None:
    """ssh brings the names of locales along that this machine may not have."""
    done = rollout("plan", "production", **odd)
    assert "9 mistakes; no host was contacted" in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_a_result_is_shown_in_the_letters_that_there_are(project: Path) -> None:
    """A remedy's arrow on standard output ended the whole plan."""
    declare(project, {})
    # Some terminals say that they have no columns.
    done = run(project, "rollout.cli.main", "plan", "trial", PYTHONIOENCODING="ascii", COLUMNS="0")
    assert "can't be reached" in " ".join(done.stdout.split()), done.stderr
    assert r"\u2192" in done.stdout
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_a_full_disk_here_is_told_in_a_sentence() -> None:
    """Not with a traceback, and not as the host's fault."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(BIN / "rollout"), "flags"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("on this machine: [Errno 28] No space left on device")
    assert "Traceback" not in done.stderr
    told = unforeseen("wa-1", OSError(28, "No space left on device"))
    assert str(told).startswith("wa-1: on this machine: [Errno 28]")


@pytest.mark.parametrize("more", ["--json", ""])
@pytest.mark.parametrize("where", [">&-", "<&- >&- 2>kept", ">/dev/full", "| true"])
def test_nobody_hears_it_and_it_still_ends_as_documented(
    project: Path, where: str, more: str
) -> None:
    """Not with Python's own code 120, nor a traceback; and a closed stream's number goes to no pipe."""
    declare(project, {})
    (project / "command").write_text("from rollout.cli.main import main; main()")
    line = f"set -o pipefail; {sys.executable} command apply trial {more} {where}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "ROLLOUT_VAULT_PASSWORD_FILE": str(project / "password")},
    )
    said = done.stderr or (project / "kept").read_text()
    assert (done.returncode, "wa-1: FAILED" in said) == (1, True), said
    assert "Traceback" not in said and "Exception" not in said
    (report,) = (project / ".rollout/reports").glob("*.trial.json")
    report.unlink()


def test_a_mistyped_host_is_answered_with_the_nearest() -> None:
    """`wa-l` instead of `wa-1` at night."""
    environment = Environment("lab", tuple(Host(name, (), {}) for name in ("db-1", "wa-1")))
    with pytest.raises(OperatorError, match=r"Did you mean wa-1\?"):
        environment.host("wa-l")


def completed(*words: str, home: Path) -> list[str]:
    """What bash offers for the last word, by the completion that the command installed."""
    script = (
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1));'
        ' name=$(complete -p rollout | sed -E "s/.*-F (\\S+).*/\\1/");'
        ' $name "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--rcfile", str(home / ".bashrc"), "-ic", script, "bash", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    return done.stdout.split()


def test_bash_completes_commands_environments_hosts_and_concerns(tmp_path: Path) -> None:
    """The real bash with the completion that `--install-completion` wrote into its start-up file."""
    install = f"{BIN}/rollout --install-completion; exit $?"
    subprocess.run(
        ["bash", "-c", install],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert completed("rollout", "ver", home=tmp_path) == ["verify"]
    assert completed("rollout", "plan", "", home=tmp_path) == environment_names()
    assert completed("rollout", "plan", "prod", home=tmp_path) == ["production"]
    hosts = completed("rollout", "plan", "lab", "--host", "", home=tmp_path)
    assert hosts == ["db-1", "wa-1"]
    everywhere = completed("rollout", "plan", "--host", "wa-st", home=tmp_path)
    assert everywhere == ["wa-staging-1"]
    assert completed("rollout", "flags", "show", "prod", home=tmp_path) == ["production"]
    assert "disk" in completed("rollout", "verify", "lab", "--only", "d", home=tmp_path)


def shown_on_a_terminal(**environment: str) -> bytes:
    """What the console for results writes to a terminal."""
    leader, follower = pty.openpty()
    program = "from rollout.console import stdout_console as c; c().print('x', style='bold red')"
    subprocess.run(
        [sys.executable, "-c", program],
        stdout=follower,
        check=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    os.close(follower)
    try:
        return os.read(leader, 1000)
    finally:
        os.close(leader)


def test_colour_on_a_terminal_alone_and_not_with_no_color() -> None:
    """Escape codes in a log file or a pipe are rubbish; NO_COLOR is the operator's own wish."""
    red = re.compile(rb"\x1b\[[\d;]*31m")
    assert red.search(shown_on_a_terminal())
    assert not red.search(shown_on_a_terminal(NO_COLOR="1"))
    assert "\x1b" not in rollout("--help").stdout


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("plan", answers.plan_answer(Environment("lab", ()), [HostPlan("wa-1")])),
        (
            "apply",
            answers.apply_answer(Environment("lab", ()), report_of(OUTCOME)),
        ),
        ("verify", answers.verify_answer(Environment("lab", ()), RESULT)),
        ("an error", answers.error_answer(OperatorError("It is wrong.", "mend it"))),
    ],
)
def test_json_is_what_the_documentation_promises(command: str, answer: dict[str, Any]) -> None:
    """Programs of others rest on these fields: none may go, and none may come undocumented."""
    table = (ROOT / "docs" / "commands.md").read_text()
    commands = "all of these|plan|apply|verify|an error"
    rows = dict(re.findall(rf"^\| ({commands}) \| (.+) \|$", table, re.M))
    promised = set(re.findall(r"`(\w+)`", rows[command]))
    if command != "an error":
        promised |= set(re.findall(r"`(\w+)`", rows["all of these"]))
        assert (answer["format"], answer["command"]) == (1, command)
    nested = [one for name in ("hosts", "checks") for one in answer.get(name, [])]
    given = set(answer) | {name for one in nested if isinstance(one, dict) for name in one}
    if command == "an error":
        given |= {"place", "problem"}
    assert given == promised


def test_junit_is_what_a_ci_reads(tmp_path: Path) -> None:
    """A CI counts failures and skipped ones by itself; a stray byte of a log would break the file."""
    write_junit(RESULT, tmp_path / "checks.xml")
    root = Xml.parse(tmp_path / "checks.xml").getroot()
    (suite,) = root
    assert (suite.get("name"), suite.get("tests")) == ("wa-1", "2")
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    failed, skipped = suite
    assert failed.get("classname") == "wa-1.disk"
    assert "full" in str(failed.find("failure").get("message"))  # type: ignore[union-attr]
    assert failed.findtext("system-err") == "the log"
    assert "offline" in str(skipped.find("skipped").get("message"))  # type: ignore[union-attr]
    with pytest.raises(OperatorError, match="can't be written"):
        write_junit(RESULT, tmp_path / "missing" / "checks.xml")


def test_a_mistyped_concern_is_answered_before_anything_runs() -> None:
    """`--only dsk` must not look like a disk without findings."""
    with pytest.raises(OperatorError, match=r"Did you mean disk\?"):
        verify(Environment("lab", ()), [], only="dsk", shown=pytest.fail)
