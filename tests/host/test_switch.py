"""No switch is under way or was left in the middle."""

from typing import Any

from .support.declared import CONFIG, DAILY_SETTINGS, HOST_PROGRAM, STATE, Declared
from .support.target import Target
from .support.wording import joined


def test_no_switch_is_open(host: Any, declared: Declared) -> None:
    """A switch died half-way: the next boot or rollout changes the host by itself."""
    left = [name for name in ("journal.jsonl", "plan.json") if host.file(str(STATE / name)).exists]
    assert not left, (
        f"{joined(left)} in {STATE}: an interrupted switch; finish it with "
        f"`rollout apply {declared.environment.name}`"
    )


def test_next_env_file_is_not_waiting(host: Any, target: Target, declared: Declared) -> None:
    """Settings were staged and never switched to: the next rollout of code brings them along."""
    staged = f"{declared.env_file}.next"
    if not host.file(staged).exists:
        return
    assert target.content(staged) == target.content(str(declared.env_file)), (
        f"{staged} differs from {declared.env_file}"
    )


def test_host_program_holds_no_password(target: Target, declared: Declared) -> None:
    """Plans carry the password; one that stays behind outlives its change."""
    password = declared.secret("database_app_password")
    places = [str(STATE), str(HOST_PROGRAM.parent), str(CONFIG), "/run/baileys-rollout"]
    # The daily check's own file has a check of its own (test_daily_check.py).
    found = [one for one in target.files_with(password, places) if one != str(DAILY_SETTINGS)]
    assert not found, f"the database's password stands in {joined(found)}"


def test_program_that_switches_is_not_running(target: Target) -> None:
    """A switch is running now: what was checked may be different in a moment."""
    lines = target.host.lines("pgrep -fa %s", f"python3 -I {HOST_PROGRAM.parent}/", ends=(0, 1))
    others = [line for line in lines if "pgrep" not in line]
    assert not others, f"the host program is at work: {joined(others)}"
