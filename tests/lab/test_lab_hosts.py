"""The lab boots real hosts, and its faults are real ones.

These tests use a place of their own on the machine (other names, bridge and addresses), so they
neither need nor disturb the lab in which rollouts are rehearsed; the cached images are shared.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab.checkout import locks, owner
from lab.fleet import hosts, status
from lab.machine import boot, cgroups, disks, machine, network
from lab.place import LabError, Place

ROOT = Path(__file__).resolve().parents[2]
HOST = "t-1"
OTHER = "t-2"

INVENTORY = """
all:
  hosts:
    t-1: {ansible_host: 198.18.0.11, lab_image: service}
    t-2: {ansible_host: 198.18.0.21, lab_image: service}
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="boots hosts, which needs root")


# For benchmarks (RFC 2544): unlike the ranges for documentation, no test setup uses it.
NETWORK = IPv4Network("198.18.0.0/24")


def make_checkout(directory: Path) -> Place:
    """A checkout with an inventory, of a lab beside the machine's own."""
    (directory / "inventory").mkdir(parents=True)
    (directory / "inventory/lab.yml").write_text(INVENTORY)
    return Place(
        checkout=directory,
        name="baileys-rollout-labtest",
        bridge="brlabtest",
        network=NETWORK,
        table="baileys_labtest",
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A lab of two hosts, up; whatever the tests leave is ended after them."""
    here = make_checkout(tmp_path_factory.mktemp("lab") / "checkout")
    try:
        hosts.up(place=here)
        yield here
    finally:
        hosts.down(place=here)
        for snapshot in here.cache.glob("snapshots/labtest-*"):
            shutil.rmtree(snapshot)
    assert_nothing_left(here)


def assert_nothing_left(place: Place) -> None:
    """No interface, rule, mount, process or disk of this lab is on the machine."""
    assert not Path(f"/sys/class/net/{place.bridge}").exists()
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    assert f"{place.table}\n" not in tables.stdout
    assert not [point for point in disks.mount_points() if point.is_relative_to(place.state)]
    for host in (HOST, OTHER):
        assert not cgroups.members(cgroups.group_of(place, host))
        assert not place.host_dir(host).exists()


def seconds(act: Callable[[], object]) -> float:
    """How long something took."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def run(place: Place, command: str, host: str = HOST) -> str:
    """What a command printed, run as root on a host."""
    return hosts.get(host, place=place).run(command, sudo=True, timeout=60).stdout.decode().strip()


def lab_command(place: Place, call: str) -> subprocess.Popen[bytes]:
    """A lab command of this place in a process of its own, for tests that kill it."""
    program = (
        "import ipaddress, sys; from pathlib import Path; from lab.fleet import hosts\n"
        "from lab.place import Place\n"
        f"place = Place(checkout=Path({str(place.checkout)!r}), name={place.name!r}, "
        f"bridge={place.bridge!r}, network=ipaddress.ip_network({str(place.network)!r}), "
        f"table={place.table!r}, cache=Path({str(place.cache)!r}))\n"
        f"hosts.{call}\n"
    )
    argv = [sys.executable, "-c", program]
    return subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)


def test_a_host_is_a_whole_debian(place: Place) -> None:
    """systemd, sudo, names, the other host, and the way to Debian's packages."""
    assert run(place, "systemctl is-system-running --wait") == "running"
    assert run(place, "id -un; hostname").split() == ["root", HOST]
    assert run(place, ". /etc/os-release; echo $VERSION_ID") == "13"
    assert run(place, "systemd-run --quiet --wait --pipe echo ran") == "ran"
    assert run(place, f"getent hosts {OTHER}").split()[0] == "198.18.0.21"
    run(place, "apt-get -qq update")


def test_hosts_do_not_share_a_control_group(place: Place) -> None:
    """In a shared one each systemd would stop the other's services."""
    groups = [cgroups.group_of(place, host) for host in (HOST, OTHER)]
    members = [set(cgroups.members(group)) for group in groups]
    assert all(members)
    assert not members[0] & members[1]


def test_up_on_a_lab_that_is_up_is_quick(place: Place) -> None:
    """`make rollout` calls it every time."""
    before = status.status(place)
    assert seconds(lambda: hosts.up(place=place)) < 5
    assert status.status(place) == before


def test_only_the_pinned_host_key_is_accepted(place: Place, tmp_path: Path) -> None:
    """An address answered by another machine must end the connection."""
    known = place.secrets / "known_hosts"
    right = known.read_text()
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
    wrong = (tmp_path / "k.pub").read_text().split()[1]
    known.write_text("".join(f"{line.rsplit(' ', 1)[0]} {wrong}\n" for line in right.splitlines()))
    try:
        done = hosts.get(HOST, place=place).run("true", check=False)
    finally:
        known.write_text(right)
    assert done.returncode == 255
    assert b"host key" in done.stderr.lower()


def test_power_cut_keeps_the_disk_and_ends_every_process(place: Place) -> None:
    """What was written and synced is there after the next boot; no process of before is."""
    run(place, "echo kept > /var/kept && sync /var/kept && systemd-run sleep 1000")
    boot_before = run(place, "cat /proc/sys/kernel/random/boot_id; stat -c %Y /run/systemd")
    group = cgroups.group_of(place, HOST)
    old = set(cgroups.members(group))
    hosts.power_cut(HOST, boot_again=False, place=place)
    assert not cgroups.members(group)
    assert not [pid for pid in old if _lives(pid)]
    hosts.power_cut(HOST, place=place)
    assert run(place, "cat /var/kept") == "kept"
    assert run(place, "cat /proc/sys/kernel/random/boot_id; stat -c %Y /run/systemd") != boot_before
    assert run(place, "pgrep -c sleep || true") == "0"


@pytest.fixture(scope="module")
def kept(place: Place) -> Place:
    """The lab after a snapshot of hosts on which something was made and something deleted."""
    run(place, "mkdir -p /opt/tree/deep && echo one > /opt/tree/deep/file && rm /etc/issue")
    hosts.snapshot("labtest", "key", place=place)
    return place


def test_a_snapshot_is_found_by_its_key(kept: Place) -> None:
    """Only what was made of the same may stand in for it."""
    assert hosts.has_snapshot("labtest", "key", place=kept)
    assert not hosts.has_snapshot("labtest", "another key", place=kept)


def test_a_snapshot_holds_no_key_and_no_name_of_a_host(kept: Place) -> None:
    """It serves other checkouts, whose hosts have keys of their own."""
    (layer,) = kept.cache.glob(f"snapshots/labtest-*/{HOST}")
    assert (layer / "opt/tree/deep/file").read_text() == "one\n"
    for name in ("etc/ssh/ssh_host_ed25519_key", "etc/machine-id", "etc/hostname"):
        assert not (layer / name).exists(), name


def test_reset_brings_back_what_the_snapshot_held(kept: Place) -> None:
    """In seconds, forgetting what came after; and without a name, clean hosts."""
    run(kept, "echo two > /opt/tree/deep/file && mv /opt/tree /opt/moved && echo x > /opt/new")
    assert seconds(lambda: hosts.reset("labtest", "key", place=kept)) < 30
    assert run(kept, "cat /opt/tree/deep/file; ls /opt; ls /etc/issue || true") == "one\ntree"
    # A rollout sets directories aside by rename(2), which an overlay refuses unless told not to.
    run(kept, 'python3 -c \'import os; os.mkdir("/opt/b"); os.rename("/opt/tree", "/opt/b/c")\'')
    assert run(kept, "cat /opt/b/c/deep/file") == "one"
    hosts.reset(place=kept)
    assert run(kept, "ls /opt; ls /etc/issue") == "/etc/issue"


def test_cut_off_and_reconnect(place: Place) -> None:
    """Cut off, a host is unreachable and goes on running; what it ran is there afterwards."""
    run(place, "systemd-run --quiet --unit=ticker sleep 1000")
    hosts.cut_off(HOST, place=place)
    now = {host.name: host for host in status.status(place).hosts}
    assert not now[HOST].answers
    assert now[HOST].init_pid is not None
    assert now[OTHER].answers
    hosts.reconnect(HOST, place=place)
    assert run(place, "systemctl is-active ticker") == "active"


def test_up_plugs_a_cut_off_host_in_again(place: Place) -> None:
    """It is the command that people type when something is wrong."""
    run(place, "systemd-run --quiet --unit=ticker2 sleep 1000")
    hosts.cut_off(HOST, place=place)
    hosts.up(place=place)
    assert run(place, "systemctl is-active ticker2") == "active"


def test_up_boots_a_host_that_lost_its_cable(place: Place) -> None:
    """Whatever took the interface away, the command that people type mends it."""
    subprocess.run(["ip", "link", "delete", boot.interface(place, HOST)], check=True)
    hosts.up(place=place)
    assert run(place, "systemctl is-system-running --wait") == "running"


def test_nspawn_killed_and_the_host_still_alive(place: Place) -> None:
    """Then a second system must not be booted on the same disk (docs/facts.md section 6)."""
    group = cgroups.group_of(place, HOST)
    init = cgroups.init_of(group)
    assert init is not None
    (nspawn,) = [pid for pid in cgroups.members(group) if _program(pid) == "systemd-nspawn"]
    os.kill(nspawn, signal.SIGKILL)
    assert machine.is_running(place, HOST)
    hosts.power_cut(HOST, place=place)
    assert not _lives(init)
    assert run(place, "systemctl is-system-running --wait") == "running"


def _program(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return (
            None  # ended between the listing and now: a booted host starts short processes anyway
        )


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    # The controller's init may take its time to collect a dead orphan.
    return state != "Z"


def test_up_killed_anywhere_then_up(place: Place) -> None:
    """SIGKILL after 0 to 1 s of a boot: the next `up` neither trips nor ends with two hosts."""
    for delay in (0.1, 0.6):
        hosts.down(place=place)
        command = lab_command(place, "up(place=place)")
        time.sleep(delay + 0.25)
        command.kill()
        command.communicate()
        hosts.up(place=place)
        assert status.status(place).up


def test_an_image_build_cut_short_leaves_nothing(place: Place) -> None:
    """Killed, its orphans and its half-built directory are cleared by the next; Ctrl-C clears both."""
    empty = replace(place, cache=Path("/var/cache/baileys-rollout-labtest"))
    builds = cgroups.build_group(empty, "any").parent
    hosts.down(place=place)
    try:
        first = _interrupted_build(empty, signal.SIGKILL)
        orphans = cgroups.members(builds)
        second = _interrupted_build(empty, signal.SIGINT)
        assert orphans
        assert not [pid for pid in orphans if _lives(pid)]
        assert not cgroups.members(builds)
        assert first != second
        assert not first.exists()
        assert not list(empty.cache.glob("layers/*"))
    finally:
        cgroups.end(builds)
        shutil.rmtree(empty.cache, ignore_errors=True)
    hosts.up(place=place)


def _interrupted_build(place: Place, number: int) -> Path:
    """Start `up` without images, end it while it builds one, and return where it was building."""
    before = set(place.cache.glob("building/*"))
    command = lab_command(place, "up(place=place)")
    deadline = time.monotonic() + 120
    while not (new := set(place.cache.glob("building/*/fs/etc")) - {b / "fs/etc" for b in before}):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    command.send_signal(number)
    command.communicate(timeout=30)
    return new.pop().parents[1]


def test_down_killed_then_up(place: Place) -> None:
    """The same for `down`: half of the lab may be gone."""
    command = lab_command(place, "down(place=place)")
    time.sleep(0.4)
    command.kill()
    command.communicate()
    hosts.up(place=place)
    assert status.status(place).up
    hosts.down(place=place)
    assert_nothing_left(place)
    hosts.down(place=place)
    hosts.up(place=place)


def test_a_rebooted_controller_has_hosts_that_are_off(place: Place) -> None:
    """Mounts, bridge and processes are gone then, the disks are not."""
    run(place, "echo kept > /var/kept && sync")
    for host in (HOST, OTHER):
        machine.cut_power(place, host)
        disks.unmount(place.root(host))
    network.remove(place)
    assert not status.status(place).up
    hosts.up(place=place)
    assert run(place, "cat /var/kept") == "kept"


def test_another_checkout_takes_over(place: Place, tmp_path: Path) -> None:
    """One lab a machine: refused when asked to, else taken over with fresh disks."""
    run(place, "echo theirs > /var/theirs")
    other = make_checkout(tmp_path / "other")
    with pytest.raises(LabError, match=r"belongs to .*lab down"):
        hosts.up(take_over=False, place=other)
    with pytest.raises(LabError, match="belongs to"):
        hosts.power_cut(HOST, place=other)
    hosts.up(place=other)
    assert run(other, "ls /var/theirs || true") == ""
    assert not status.status(place).mine
    shutil.rmtree(other.checkout)
    hosts.up(place=place)
    assert status.status(place).up


def test_a_lab_in_use_is_not_taken_over(place: Place, tmp_path: Path) -> None:
    """Ending somebody's running rehearsal is no way to begin one's own; the error names it."""
    other = make_checkout(tmp_path / "other")
    with hosts.hold(place=place):
        for act in (hosts.up, hosts.down, hosts.reset):
            with pytest.raises(LabError, match=f"in use by .* end it with: kill {os.getpid()}"):
                act(place=other)
        hosts.up(place=place)
    busy = locks.command(place.state / "command.lock", place.checkout)
    with busy, pytest.raises(LabError, match="in use by"):
        hosts.up(place=other)
    assert status.status(place).mine


def test_a_host_that_left_the_inventory_is_ended(place: Place) -> None:
    """The inventory is the only list of hosts."""
    text = place.inventory.read_text()
    place.inventory.write_text("".join(line for line in text.splitlines(True) if OTHER not in line))
    try:
        hosts.up(place=place)
        assert not machine.is_running(place, OTHER)
    finally:
        place.inventory.write_text(text)
    hosts.up(place=place)
    assert status.status(place).up


def test_lost_secrets_make_a_new_lab(place: Place) -> None:
    """A fresh clone at the same path has other keys: hosts of the old ones would not let it in."""
    before = owner.read(place)
    shutil.rmtree(place.secrets)
    hosts.up(place=place)
    after = owner.read(place)
    assert before is not None
    assert after is not None
    assert replace(before, lab_id="") == replace(after, lab_id="", snapshot=before.snapshot)
    assert before.lab_id != after.lab_id
    assert status.status(place).up
