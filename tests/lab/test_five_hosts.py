"""Five service hosts, one of which goes away half-way: who is done, who is not, and the next run.

Each test goes on from where the one before left the hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.fleet import hosts
from lab.profiles import profiles
from lab.profiles.service_install import APP_DIR
from tests.lab import rig
from tests.lab.checkouts import copied, rollout, rollout_disturbed, service, sh, unwrapped

# Five cut-overs: more minutes than the ordinary form has left.
pytestmark = rig.only_in_soak
FIVE = replace(hosts.HERE, environment="lab-five")
SERVICES = ["wa-1", "wa-2", "wa-3", "wa-4", "wa-5"]
LOST = "wa-3"
WHY = ("--reason", "a test")


@pytest.fixture(scope="module")
def checkout(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The new version on all five, and a checkout in which flags may be changed."""
    profiles.reset("five")
    copy = copied(tmp_path_factory.mktemp("five") / "own")
    applied = rollout(copy, "apply", "lab-five")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    yield copy
    hosts.up(place=FIVE)


def env_files() -> dict[str, str]:
    """The live ``.env`` of each host."""
    return {name: sh(name, f"cat {APP_DIR}/.env") for name in SERVICES}


def echoes() -> dict[str, str]:
    """What each service has of the toggled flag, as it says itself."""
    return {name: service(name)["flags"]["MESSAGE_ECHO"] for name in SERVICES}


def test_a_converged_rollout_asks_all_at_once_and_changes_nothing(checkout: Path) -> None:
    """Five hosts that need nothing must not take as long as five that do."""
    before = [service(name)["pid"] for name in SERVICES]
    applied = rollout(checkout, "apply", "lab-five", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    report = json.loads(applied.stdout)
    assert [one["host"] for one in report["hosts"]] == ["db-1", *SERVICES]
    assert all(one["changed"] == [] and one["checks"]["passed"] > 10 for one in report["hosts"])
    # Asked once each, and none began the procedure.
    assert applied.stderr.count("looking at what is there") == len(report["hosts"])
    assert "Install Debian packages" not in applied.stderr
    assert [service(name)["pid"] for name in SERVICES] == before


def test_a_toggle_that_loses_a_host_half_way_says_where_it_stands(checkout: Path) -> None:
    """Half of the servers with one value and half with another must at least be known."""
    before = env_files()
    toggle = ("flags", "set", "lab-five", "MESSAGE_ECHO=true", *WHY)

    def power_off() -> None:
        hosts.power_cut(LOST, boot_again=False, place=FIVE)

    failed = rollout_disturbed(checkout, f"{LOST}: switching", power_off, *toggle)
    said = unwrapped(failed.stdout)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert said.count("FAILED: ") == 1 and f"FAILED: {LOST}" in said
    assert "Traceback" not in failed.stdout + failed.stderr
    assert "wa-1: done, proven" in said and "wa-2: done, proven" in said
    assert f"{LOST}: failed wa-4: untouched wa-5: untouched" in said
    assert "Go on: the same command again" in said

    hosts.up(place=FIVE)
    after = env_files()
    toggled = {name: text.replace("ECHO=false", "ECHO=true") for name, text in before.items()}
    assert all(after[name] == toggled[name] for name in ("wa-1", "wa-2"))
    assert after[LOST] in (before[LOST], toggled[LOST])
    assert all(after[name] == before[name] for name in ("wa-4", "wa-5"))

    again = rollout(checkout, *toggle)
    assert again.returncode == 0, again.stdout + again.stderr
    assert env_files() == toggled
    assert set(echoes().values()) == {"true"}
    assert rollout(checkout, "flags", "show", "lab-five").returncode == 0


def test_a_rollout_that_loses_a_host_half_way_leaves_the_rest_untouched(checkout: Path) -> None:
    """A cable that is pulled in the middle of a switch must neither tear a file nor hang the others."""
    flags = checkout / "group_vars/lab/flags.yml"
    flags.write_text(flags.read_text().replace('ECHO: "true"', 'ECHO: "false"'))
    before = env_files()

    def pull_the_cable() -> None:
        hosts.cut_off(LOST, place=FIVE)

    failed = rollout_disturbed(
        checkout, f"{LOST}: Switch the service", pull_the_cable, "apply", "lab-five", "--batch", "2"
    )
    hosts.reconnect(LOST, place=FIVE)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
    assert f"Failed: {LOST}\nDone: db-1, wa-1, wa-2\nUntouched: wa-4, wa-5" in failed.stdout
    said = unwrapped(failed.stdout)
    assert f"{LOST} (" in said and "can't be reached" in said
    assert "It went away at “Switch the service”, which may go on by itself." in said
    after = env_files()
    untoggled = {name: text.replace("ECHO=true", "ECHO=false") for name, text in before.items()}
    assert all(after[name] == untoggled[name] for name in ("wa-1", "wa-2"))
    # Its switch went on by itself, or had not begun.
    assert after[LOST] in (before[LOST], untoggled[LOST])
    assert all(after[name] == before[name] for name in ("wa-4", "wa-5"))

    again = rollout(checkout, "apply", "lab-five")
    assert again.returncode == 0, again.stdout + again.stderr
    assert env_files() == untoggled
    assert set(echoes().values()) == {"false"}
    assert rollout(checkout, "plan", "lab-five").returncode == 0
