"""The lab's hosts as a whole: up, down, reset, snapshot, and the faults that tests need.

Every function works on the machine's one lab for this checkout unless it is given another
``Place``, holds the lab's lock while it works, and may be interrupted anywhere: the next one starts
from what it finds, never from what should be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab import progress
from lab.checkout import identity, locks, owner
from lab.fleet import fleet
from lab.images import snapshots
from lab.machine import boot, disks, machine, network
from lab.machine.remote import Host
from lab.place import HostSpec, LabError, Place

HERE = Place(checkout=Path(__file__).resolve().parent.parent.parent)
"""The lab of this checkout, with the hosts of its first environment."""


def current(place: Place = HERE) -> Place:
    """The lab with the hosts that it has now: those of the environment that it was brought up with."""
    record = owner.read(place)
    return replace(place, environment=record.environment) if record else place


def up(*, take_over: bool = True, place: Place = HERE) -> None:
    """Bring every host of the inventory up, on the disk it has, and end those it no longer names.

    Args:
        take_over: end another checkout's lab if nobody is using it.
        place: which lab.

    Raises:
        LabError: something is missing on this machine, the lab is in use, or a host does not boot.
    """
    with fleet.locked(place):
        specs = fleet.declared(place)
        fleet.claim(place, specs, take_over=take_over)
        network.ensure(place)
        undeclared = sorted(set(fleet.names(place)) - {spec.name for spec in specs})
        if undeclared:
            progress.say(f"ending {', '.join(undeclared)}: no longer in the inventory")
            fleet.end(place, undeclared)
        healthy = fleet.each(specs, lambda spec: fleet.healthy(place, spec))
        sick = [spec for spec, well in zip(specs, healthy, strict=True) if not well]
        if sick:
            fleet.boot_hosts(place, sick, specs, fleet.build_clean(place, specs))
        disks.empty_trash(place)


def down(*, place: Place = HERE) -> None:
    """End the machine's lab: hosts and their disks, bridge, rules. Images and snapshots stay.

    Raises:
        LabError: another checkout's command is using it.
    """
    with fleet.locked(place):
        record = owner.read(place)
        user = locks.holder_of(fleet.use_lock(place))
        verdict = owner.decide(record, identity.lab_id(place), user, take_over=True)
        if record and verdict == "refuse":
            raise owner.refusal(record, user)
        fleet.end(place, fleet.names(place))
        network.remove(place)
        owner.forget(place)
        disks.empty_trash(place)


def reset(name: str | None = None, key: str | None = None, *, place: Place = HERE) -> None:
    """Throw away what the hosts wrote and boot them on a snapshot, or clean without one.

    Args:
        name: of the snapshot; None for clean hosts.
        key: the one it was taken with; None for the newest of that name.
        place: which lab.

    Raises:
        LabError: there is no such snapshot, it lacks a host, or a host does not boot.
    """
    with fleet.locked(place):
        specs = fleet.declared(place)
        fleet.claim(place, specs, take_over=True)
        network.ensure(place)
        snapshot = _snapshot(place, specs, name, key) if name else None
        stacks = snapshots.stacks_of(snapshot) if snapshot else fleet.build_clean(place, specs)
        if stacks is None or not {spec.name for spec in specs} <= stacks.keys():
            raise LabError(
                f"snapshot {name} does not hold every host of the inventory; take it anew"
            )
        everyone = fleet.names(place)
        fleet.each(everyone, lambda host: machine.cut_power(place, host))
        fleet.end(place, everyone)
        owner.set_snapshot(place, snapshot)
        fleet.boot_hosts(place, specs, specs, stacks)
        disks.empty_trash(place)


def snapshot(name: str, key: str = "", *, place: Place = HERE) -> None:
    """Shut the hosts down cleanly, keep their disks as a snapshot, and boot them on it.

    Args:
        name: lower-case letters, digits and dashes.
        key: a hash of everything that led to this state, for ``has_snapshot`` and ``reset``.
        place: which lab.

    Raises:
        LabError: a host is not up, does not power off, or does not boot again.
    """
    snapshots.check_name(name)
    with fleet.mine(place) as specs:
        kept = _snapshot(place, specs, name, key)
        stacks = {}
        for spec in specs:
            fleet.running(place, specs, spec.name)
            stacks[spec.name] = disks.stack(place.host_dir(spec.name)) or []
        with progress.step(f"shutting the hosts down for snapshot {name}"):
            fleet.each(specs, lambda spec: machine.shut_down(place, spec.name))
        new = snapshots.save(place, kept, stacks)
        fleet.end(place, fleet.names(place))
        owner.set_snapshot(place, kept)
        fleet.boot_hosts(place, specs, specs, new)
        disks.empty_trash(place)


def has_snapshot(name: str, key: str = "", *, place: Place = HERE) -> bool:
    """Whether a snapshot of this name, made of exactly the same, is kept on this machine."""
    return snapshots.stacks_of(_snapshot(place, fleet.declared(place), name, key)) is not None


def _snapshot(place: Place, specs: Sequence[HostSpec], name: str, key: str | None) -> Path:
    if key is None:
        return snapshots.latest(place, name)
    return snapshots.directory(place, name, key, fleet.clean_stacks(place, specs))


def power_cut(host: str, *, boot_again: bool = True, place: Place = HERE) -> None:
    """Cut a host's power: every process ends at once; what was on its disk stays.

    What a real disk would lose beyond that, writes that were never synced, is kept here: the
    controller's page cache survives.

    Args:
        host: its name.
        boot_again: boot it on the same disk and wait until it answers.
        place: which lab.

    Raises:
        LabError: there is no such host, or it does not boot.
    """
    with fleet.mine(place) as specs:
        spec = fleet.spec_of(specs, host)
        machine.cut_power(place, host)
        if boot_again:
            fleet.boot_hosts(place, [spec], specs, fleet.build_clean(place, specs))


def cut_off(host: str, *, place: Place = HERE) -> None:
    """Pull a host's network cable; it keeps running.

    Raises:
        LabError: it is not running.
    """
    with fleet.mine(place) as specs:
        fleet.running(place, specs, host)
        network.switch_interface(boot.interface(place, host), "down")


def reconnect(host: str, *, place: Place = HERE) -> None:
    """Plug a host's network cable in again and wait until it answers.

    Raises:
        LabError: it is not running, or does not answer.
    """
    with fleet.mine(place) as specs:
        spec = fleet.running(place, specs, host)
        network.switch_interface(boot.interface(place, host), "up")
        machine.wait_ready(place, spec)


def get(host: str, *, place: Place = HERE) -> Host:
    """A handle for commands on a host, which should be up.

    Raises:
        LabError: there is no such host.
    """
    return Host(place, fleet.spec_of(fleet.declared(place), host))


@contextmanager
def hold(*, place: Place = HERE) -> Iterator[None]:
    """Keep other checkouts from taking the lab over while a longer piece of work uses it.

    After ``up``, which makes it this checkout's: a lab of another one can't be taken over while it is held.

    Raises:
        LabError: one has been doing so for ten minutes.
    """
    with locks.shared(fleet.use_lock(place), place.checkout):
        yield
