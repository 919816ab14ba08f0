"""One host: mounting its disk, booting it, cutting its power, shutting it down."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.checkout import identity
from lab.machine import boot, cgroups, controller, disks, network, remote
from lab.place import HostSpec, LabError, Place

BOOT_SECONDS = 180.0
SETTLE_SECONDS = 5.0  # for a host that is just booting, or whose cable was just plugged in
POWEROFF_SECONDS = 90.0
_POWEROFF = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target


def is_running(place: Place, host: str) -> bool:
    """Whether the host's own init is alive."""
    return cgroups.init_of(cgroups.group_of(place, host)) is not None


def answers(place: Place, spec: HostSpec) -> bool:
    """Whether the host lets this checkout's key in, and is the host that this checkout pinned."""
    if not _banner(spec):
        return False
    done = remote.Host(place, spec).run("true", check=False, timeout=15)
    return done.returncode == 0


def start(place: Place, spec: HostSpec, specs: Sequence[HostSpec], stack: Sequence[Path]) -> None:
    """Boot a host on its disk (made on ``stack`` if there is none) and return at once."""
    disk = place.host_dir(spec.name)
    group = cgroups.group_of(place, spec.name)
    cgroups.end(group)
    network.drop_interface(boot.interface(place, spec.name))
    disks.record_stack(disk, stack)
    root = disks.mount(stack, disk)
    key = identity.host_key(place, spec.name)
    files = boot.injected(
        place,
        spec,
        specs,
        login_key=identity.login_key(place),
        host_key=key.private,
        host_key_public=key.public,
        resolver=controller.resolver(),
    )
    disks.put(root, files)
    cgroups.make(group)
    with (disk / "console.log").open("wb") as console:
        subprocess.run(
            # Forks, so that the host belongs to no command and outlives the one that booted it.
            cgroups.entering(group, ["setsid", "--fork", *boot.nspawn_argv(place, spec)]),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            check=True,
            # On a controller with cgroup v1 nspawn would give Debian 13 a hierarchy it can't use.
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )


def answers_within(place: Place, spec: HostSpec, seconds: float) -> bool:
    """Wait until the host answers; False when it died or the time is over."""
    group = cgroups.group_of(place, spec.name)
    deadline = time.monotonic() + seconds
    while not answers(place, spec):
        if not cgroups.members(group) or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def wait_ready(place: Place, spec: HostSpec) -> None:
    """Wait until commands can be run on the host and all that it starts at boot has started.

    Raises:
        LabError: it died, or did not answer in time; with the end of its console.
    """
    if not answers_within(place, spec, BOOT_SECONDS):
        alive = cgroups.members(cgroups.group_of(place, spec.name))
        what = f"did not answer in {BOOT_SECONDS:.0f} s" if alive else "ended while booting"
        log = place.host_dir(spec.name) / "console.log"
        last = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
        raise LabError(f"{spec.name} {what}; its console, {log}:\n  {last}")
    # Its exit code tells of failed units, which are the business of whoever checks the host.
    settled = "systemctl is-system-running --wait"
    remote.Host(place, spec).run(settled, check=False, timeout=BOOT_SECONDS)


def _banner(spec: HostSpec) -> bool:
    try:
        with socket.create_connection((str(spec.address), 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def cut_power(place: Place, host: str) -> None:
    """Kill the host's own init, as a power cut would, and wait until nothing of it is left.

    Killing systemd-nspawn instead would leave the host alive, and the next boot would run a second
    system on the same disk (docs/facts.md section 6).
    """
    group = cgroups.group_of(place, host)
    init = cgroups.init_of(group)
    if init is not None:
        cgroups.send(group, init, signal.SIGKILL)
        cgroups.wait_empty(group, 5.0)
    cgroups.end(group)
    network.drop_interface(boot.interface(place, host))


def shut_down(place: Place, host: str) -> None:
    """Let the host end its services and power off.

    Raises:
        LabError: it was not off within 90 s.
    """
    group = cgroups.group_of(place, host)
    init = cgroups.init_of(group)
    if init is not None:
        cgroups.send(group, init, _POWEROFF)
        if not cgroups.wait_empty(group, POWEROFF_SECONDS):
            raise LabError(f"{host} did not power off in {POWEROFF_SECONDS:.0f} s; see its console")
    cgroups.end(group)
    network.drop_interface(boot.interface(place, host))


def forget(place: Place, host: str) -> None:
    """Take the host's disk off its mount point and throw what it wrote away."""
    directory = place.host_dir(host)
    disks.unmount(directory / "root")
    disks.discard(place, directory)
