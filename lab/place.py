"""Where a lab lives on this machine, what a host of it is, and the one kind of error it raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

# A range for documentation (RFC 5737): it collides with no real network.
NETWORK = IPv4Network("198.51.100.0/24")


class LabError(RuntimeError):
    """A mistake or a missing capability; its text says what is wrong and what mends it."""


@dataclass(frozen=True)
class HostSpec:
    """One host as the inventory declares it.

    Attributes:
        image: its ``lab_image``; a profile may boot it from another one (``Place.image_of``).
        companies: whose session files it gets, where a profile has any.
    """

    name: str
    address: IPv4Address
    image: str
    companies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Everything of a lab that is machine-wide, and the checkout that uses it.

    There is one lab a machine: ``state`` is where a second checkout finds it. The lab's own tests
    use a second place with other names, so that they can run beside it.

    Attributes:
        tag: ends the names of its hosts' cables: those are the machine's, and two places may have
            hosts of the same name.
        environment: whose inventory names its hosts.
        images: by an inventory's ``lab_image``, the image that a profile boots instead.
    """

    checkout: Path
    name: str = "baileys-rollout-lab"
    bridge: str = "brlab0"
    network: IPv4Network = NETWORK
    tag: str = ""
    table: str = "baileys_lab"
    state_parent: Path = Path("/var/lib")
    cache: Path = Path("/var/cache/baileys-rollout-lab")
    images: Mapping[str, str] = field(default_factory=dict, hash=False)
    environment: str = "lab"

    def image_of(self, spec: HostSpec) -> str:
        """The image that a host boots from here: the inventory's, or a profile's instead of it."""
        return self.images.get(spec.image, spec.image)

    @property
    def state(self) -> Path:
        """Running hosts, their disks, and who owns the lab."""
        return self.state_parent / self.name

    @property
    def secrets(self) -> Path:
        """Keys and passwords of this checkout's lab; never in git."""
        return self.checkout / ".lab"

    @property
    def inventory(self) -> Path:
        """The inventory that defines the hosts."""
        return self.checkout / f"inventory/{self.environment}.yml"

    @property
    def group_vars(self) -> Path:
        """Where the generated settings and the vault of the lab go."""
        return self.checkout / "group_vars/lab"

    @property
    def gateway(self) -> IPv4Address:
        """The controller's own address on the lab's bridge."""
        return self.network[1]

    def machine(self, host: str) -> str:
        """What a host is called on this machine, where its name alone may be taken."""
        return f"{host}{self.tag}"

    def host_dir(self, host: str) -> Path:
        """Disk, console log and layer stack of one host."""
        return self.state / "hosts" / host

    def root(self, host: str) -> Path:
        """Where the disk of one host is mounted."""
        return self.host_dir(host) / "root"


@dataclass(frozen=True)
class Injected:
    """A file that is put on a host's disk at every boot, and stripped from snapshots."""

    content: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


Files = Mapping[str, Injected]
