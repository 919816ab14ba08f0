"""Several service hosts, Debian 13 and 12, on one database: order, batches, what a failure leaves.

Each test goes on from where the one before left the hosts, as the rollouts of one week do: in a copy
of this checkout, whose settings and inventory are what changes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab.fleet import hosts
from lab.profiles import profiles
from lab.profiles.service_install import APP_DIR
from tests.lab import rig
from tests.lab.checkouts import copied, rollout, service, sh, unwrapped

STRANGER = f"{APP_DIR}/baileys_sessions/company_962302/strange-thing-1.json"
NODE_20 = "/usr/local/lib/node_modules/node-linux-* /usr/local/bin/node"
OWN_NPM = "/usr/local/lib/node_modules/npm /usr/local/bin/npm /usr/local/bin/npx"
SET_ASIDE = 4


@pytest.fixture(scope="module")
def checkout(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The old version on its files on both hosts, and a checkout in which settings may be changed."""
    profiles.reset("several")
    # As Debian 12 comes: its own Node.js is 18, and the rollout has to bring another.
    sh("wa-2", f"rm -rf {NODE_20} {OWN_NPM}")
    assert sh("wa-2", "node --version").startswith("v18.")
    copy = copied(tmp_path_factory.mktemp("checkout") / "own")
    settings = copy / "group_vars/lab/settings.yml"
    settings.write_text(
        settings.read_text().replace("remove_after_days: 0", "remove_after_days: 11")
    )
    yield copy
    hosts.reset(place=hosts.HERE)


def inventory(checkout: Path, **companies: list[str]) -> None:
    """Write which host runs which companies; hosts that the lab does not have answer to nobody."""
    path = checkout / "inventory/lab-several.yml"
    tree = YAML().load(rig.ROOT / "inventory/lab-several.yml")
    services = tree["all"]["children"]["lab"]["children"]["service"]["hosts"]
    address = services["wa-1"]["ansible_host"].rpartition(".")[0]
    for name, declared in companies.items():
        host = name.replace("_", "-")
        there = services.setdefault(host, {"ansible_host": f"{address}.9{host[-1]}"})
        there["companies"] = declared
    YAML().dump(tree, path)


@rig.only_in_soak
def test_a_barrier_that_refuses_leaves_all_others_untouched(checkout: Path) -> None:
    """A bad release or a bad host shows on one server, not on a hundred."""
    sh("wa-1", f"echo '{{}}' > {STRANGER}")
    pids = [service(name)["pid"] for name in ("wa-1", "wa-2")]
    history = "ls /var/lib/baileys-rollout /etc/baileys-rollout 2>&1 || true"
    before = sh("wa-2", history)
    applied = rollout(checkout, "apply", "lab-several")
    sh("wa-1", f"rm {STRANGER}")
    assert applied.returncode == 1
    assert "strange-thing-1.json" in "".join(applied.stdout.split())
    assert "Failed: wa-1\nDone: db-1\nUntouched: wa-2" in applied.stdout
    assert [service(name)["pid"] for name in ("wa-1", "wa-2")] == pids
    assert sh("wa-2", history) == before


def test_a_failure_in_a_batch_lets_its_others_end_and_stops_the_next(checkout: Path) -> None:
    """Half of a switch is worse than a whole one; a batch after a failure is one too many."""
    inventory(checkout, wa_3=["962503"], wa_4=["962504"])
    applied = rollout(checkout, "apply", "lab-several", "--batch", "2")
    inventory(checkout)
    assert applied.returncode == 1
    assert "Failed: wa-3\nDone: db-1, wa-1, wa-2\nUntouched: wa-4" in applied.stdout
    for host, company in (("wa-1", "962302"), ("wa-2", "962417")):
        answer = service(host)
        assert answer["provider"] == "postgres"
        assert {name: one["keys"] for name, one in answer["companies"].items()} == {company: 1313}
    # Steps of two hosts at once, each line with its host's name.
    line = re.compile(r" *[\d.]+ s  (db|wa)-\d: ")
    assert [one for one in applied.stderr.splitlines() if not line.match(one)] == []


def test_debian_12_runs_the_service_on_a_node_that_baileys_wants(checkout: Path) -> None:
    """Debian 12 has Node.js 18, on which Baileys 7 ends at its first line."""
    assert sh("wa-2", "cat /etc/debian_version").startswith("12.")
    running = sh("wa-2", f"readlink /proc/{service('wa-2')['pid']}/exe").strip()
    assert running.startswith("/usr/local/lib/node_modules/node-linux-")
    assert sh("wa-2", f"{running} --version").startswith("v20.")
    assert sh("wa-1", "cat /etc/debian_version").startswith("13.")
    assert sh("wa-1", "command -v node").strip() == "/usr/bin/node"


def test_a_second_run_changes_nothing_on_any_host(checkout: Path) -> None:
    """A rollout that is never done is one that nobody dares to repeat."""
    applied = rollout(checkout, "apply", "lab-several")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    for host in ("db-1", "wa-1", "wa-2"):
        assert f"{host}: no changes" in applied.stdout
    assert unwrapped(applied.stdout).count("removal due") == 2 * SET_ASIDE


def test_what_is_set_aside_has_a_date_and_is_no_change(checkout: Path) -> None:
    """A plan that is never 0 is no plan; files that are to go one day are told of, with the day."""
    plan = rollout(checkout, "plan", "lab-several")
    assert plan.returncode == 0, plan.stdout
    assert len(re.findall(r"removal due \d{4}-\d\d-\d\d", unwrapped(plan.stdout))) == 2 * SET_ASIDE
    shown = rollout(checkout, "status", "lab-several", "--json")
    assert len(re.findall(r"removal due \d{4}-\d\d-\d\d", shown.stdout)) == 2 * SET_ASIDE


@rig.only_in_soak
def test_a_company_that_moves_is_never_on_two_hosts(checkout: Path) -> None:
    """Two sockets on one account throw each other off until somebody notices."""
    inventory(checkout, wa_1=["962302", "962417"], wa_2=[])
    plan = rollout(checkout, "plan", "lab-several", "--host", "wa-1")
    assert plan.returncode == 1
    assert "company 962417 still runs on wa-2" in unwrapped(plan.stdout)
    words = ["inventory/lab-several.py", "deploy.py", "-y", "--limit", "wa-1"]
    by_itself = subprocess.run(
        # As a module, so that this checkout's own code is what it loads.
        [sys.executable, "-m", "pyinfra", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert by_itself.returncode != 0
    assert "came from wa-2" in unwrapped(by_itself.stderr)
    assert list(service("wa-1")["companies"]) == ["962302"]

    left = rollout(checkout, "apply", "lab-several", "--host", "wa-2")
    assert left.returncode == 0, left.stdout + left.stderr
    assert service("wa-2")["companies"] == {}
    moved = rollout(checkout, "apply", "lab-several", "--host", "wa-1")
    assert moved.returncode == 0, moved.stdout + moved.stderr
    answer = service("wa-1")["companies"]
    assert {name: one["keys"] for name, one in answer.items()} == {"962302": 1313, "962417": 1313}
