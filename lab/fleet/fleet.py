"""What the lab's commands have in common: its lock, its owner, and acting on all hosts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lab import progress
from lab.checkout import identity, inventory, locks, owner
from lab.images import images, recipes
from lab.machine import boot, capabilities, cgroups, controller, disks, machine, network
from lab.place import HostSpec, LabError, Place

Stacks = Mapping[str, Sequence[Path]]
H = TypeVar("H")
T = TypeVar("T")


def use_lock(place: Place) -> Path:
    """The lock that longer work holds so that no other checkout takes the lab over."""
    return place.state / "use.lock"


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """One command on the lab at a time, on a machine that can run one.

    Raises:
        LabError: something is missing here, or another checkout's command is at work.
    """
    capabilities.require()
    with locks.command(place.state / "command.lock", place.checkout):
        yield


@contextmanager
def mine(place: Place) -> Iterator[list[HostSpec]]:
    """Hold the lock on a lab that exists and is this checkout's own; yields its hosts.

    Raises:
        LabError: there is none, or it is another checkout's.
    """
    with locked(place):
        record = owner.read(place)
        if record is None:
            raise LabError("there is no lab on this machine; `python -m lab up` starts it")
        if record.lab_id != identity.lab_id(place):
            raise owner.refusal(record, locks.holder_of(use_lock(place)))
        yield declared(place)


def declared(place: Place) -> list[HostSpec]:
    """The hosts that the inventory names."""
    return inventory.load(place, recipes.KINDS.keys())


def spec_of(specs: Sequence[HostSpec], host: str) -> HostSpec:
    """One host by its name.

    Raises:
        LabError: there is no such host.
    """
    for spec in specs:
        if spec.name == host:
            return spec
    raise LabError(f"there is no host {host!r}; there are: {', '.join(s.name for s in specs)}")


def running(place: Place, specs: Sequence[HostSpec], host: str) -> HostSpec:
    """One host by its name, which must be running.

    Raises:
        LabError: there is no such host, or it is not running.
    """
    spec = spec_of(specs, host)
    if not machine.is_running(place, host):
        raise LabError(f"{host} is not running; `python -m lab up` boots it")
    return spec


def each(hosts: Sequence[H], act: Callable[[H], T]) -> list[T]:
    """Act on all hosts at once; the results in their order."""
    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        return list(pool.map(act, hosts))


def claim(place: Place, specs: Sequence[HostSpec], *, take_over: bool) -> None:
    """Make the machine's lab this checkout's own, ending another's if that is allowed.

    Raises:
        LabError: it is another's and in use, or ``take_over`` is off.
    """
    lab_id = identity.ensure(place, specs)
    record = owner.read(place)
    with locks.held(use_lock(place), place.checkout) as unused:
        user = None if unused else locks.holder_of(use_lock(place))
        verdict = owner.decide(record, lab_id, user, take_over=take_over)
        if verdict == "mine":
            owner.set_environment(place)
            return
        if record is not None:
            if verdict == "refuse":
                raise owner.refusal(record, user)
            progress.say(owner.why_taken(record, alive(place)))
        end(place, names(place))
        owner.write(place, owner.Record(str(place.checkout), lab_id, environment=place.environment))


def names(place: Place) -> list[str]:
    """Every host that has a disk or processes here, whoever declared it."""
    disks_of = {directory.name for directory in (place.state / "hosts").glob("*")}
    groups = {group.name for group in cgroups.group_of(place, "any").parent.glob("*/")}
    return sorted(disks_of | groups)


def alive(place: Place) -> list[str]:
    """Hosts that are running, whoever declared them."""
    return [name for name in names(place) if machine.is_running(place, name)]


def end(place: Place, hosts: Sequence[str]) -> None:
    """End hosts and throw their disks away."""
    for host in hosts:
        machine.cut_power(place, host)
        machine.forget(place, host)


def clean_stacks(place: Place, specs: Sequence[HostSpec]) -> dict[str, list[Path]]:
    """The layers of hosts on which nothing has happened yet, built or not."""
    around = controller.surroundings()
    return {
        spec.name: [layer.files for layer in images.layers_for(place, place.image_of(spec), around)]
        for spec in specs
    }


def build_clean(place: Place, specs: Sequence[HostSpec]) -> dict[str, list[Path]]:
    """The same, building what is missing.

    Raises:
        LabError: a build failed.
    """
    wanted = {place.image_of(spec) for spec in specs}
    stacks = images.ensure(place, wanted, controller.surroundings())
    return {spec.name: stacks[place.image_of(spec)] for spec in specs}


def healthy(place: Place, spec: HostSpec) -> bool:
    """Whether a host runs and answers to this checkout, its cable plugged in if it was not."""
    if not machine.is_running(place, spec.name):
        return False
    cable = boot.interface(place, spec.name)
    if not network.exists(cable):
        # Nothing but a boot gives a running host a new one.
        machine.cut_power(place, spec.name)
        return False
    if not network.is_up(cable):
        network.switch_interface(cable, "up")
    return machine.answers_within(place, spec, machine.SETTLE_SECONDS)


def boot_hosts(
    place: Place, hosts: Sequence[HostSpec], specs: Sequence[HostSpec], stacks: Stacks
) -> None:
    """Boot hosts in parallel and wait until each answers.

    Args:
        place: which lab.
        hosts: those to boot.
        specs: all hosts, which know each other by name.
        stacks: what a host without a disk gets.

    Raises:
        LabError: a host died or did not answer.
    """
    with progress.step(f"booting {', '.join(spec.name for spec in hosts)}"):
        for spec in hosts:
            layers = disks.stack(place.host_dir(spec.name))
            if layers is None or not all(layer.is_dir() for layer in layers):
                machine.forget(place, spec.name)
                layers = list(stacks[spec.name])
            machine.start(place, spec, specs, layers)
        each(hosts, lambda spec: machine.wait_ready(place, spec))
