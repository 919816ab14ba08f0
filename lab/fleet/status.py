"""What runs in the lab at this moment; asking needs no lock and changes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lab.checkout import identity, owner
from lab.fleet import fleet
from lab.images import images
from lab.machine import boot, capabilities, cgroups, machine, network
from lab.place import HostSpec, Place


@dataclass(frozen=True)
class HostStatus:
    """One host: is it running, is its cable plugged in, does it answer to this checkout's key."""

    name: str
    address: str
    image: str
    init_pid: int | None
    connected: bool
    answers: bool


@dataclass(frozen=True)
class LabStatus:
    """The machine's lab as this checkout sees it."""

    owner: str | None
    mine: bool
    snapshot: str | None
    hosts: tuple[HostStatus, ...]

    @property
    def up(self) -> bool:
        """Whether it is this checkout's and every host answers."""
        return self.mine and all(host.answers for host in self.hosts)

    def as_json(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return {**asdict(self), "up": self.up}

    def lines(self) -> list[str]:
        """Text for people."""
        whose = "no lab" if self.owner is None else f"lab of {self.owner}"
        note = "" if self.mine or self.owner is None else " (`python -m lab up` takes it over)"
        rows = [f"{whose}{note}, on {self.snapshot or 'clean disks'}"]
        for host in self.hosts:
            state = "off" if host.init_pid is None else "up" if host.answers else "no answer"
            cable = "" if host.connected or host.init_pid is None else ", cut off"
            rows.append(f"  {host.name:<12} {host.address:<16} {host.image:<10} {state}{cable}")
        return rows


def status(place: Place) -> LabStatus:
    """Look at the lab.

    Raises:
        LabError: no lab can run here, or the inventory can't be read.
    """
    capabilities.require()
    record = owner.read(place)
    hosts = fleet.each(fleet.declared(place), lambda spec: _host(place, spec))
    return LabStatus(
        owner=record.checkout if record else None,
        mine=record is not None and record.lab_id == identity.lab_id(place),
        snapshot=record.snapshot if record else None,
        hosts=tuple(hosts),
    )


def _host(place: Place, spec: HostSpec) -> HostStatus:
    pid = cgroups.init_of(cgroups.group_of(place, spec.name))
    connected = network.is_up(boot.interface(place, spec.name))
    answers = pid is not None and connected and machine.answers(place, spec)
    image = images.booted_from(place, spec.name) or spec.image
    return HostStatus(spec.name, str(spec.address), image, pid, connected, answers)
