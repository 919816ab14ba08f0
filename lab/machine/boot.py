"""What a host is booted with: the nspawn command, the disk's layers, and the files put on it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from lab.place import HostSpec, Injected, Place

LOGIN_USER = "operator"
LOGIN_UID = 1000
LOGIN_GID = 37  # Debian's own group "operator", which gives the user its name's group

_HOME = f"home/{LOGIN_USER}"
_MACHINE_IDS = uuid.UUID("8a4fd9a6-58f5-4a35-8f0f-7a3c4f0c2f2e")


def nspawn_argv(place: Place, spec: HostSpec) -> list[str]:
    """The command that boots a host on the disk mounted at its root (docs/facts.md section 6)."""
    return [
        "systemd-nspawn",
        "--boot",
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--console=read-only",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--settings=no",
        f"--machine={place.machine(spec.name)}",
        f"--network-bridge={place.bridge}",
        f"--directory={place.root(spec.name)}",
    ]


def interface(place: Place, host: str) -> str:
    """The controller's end of a host's network cable, as nspawn names it."""
    return f"vb-{place.machine(host)}"


def overlay_options(layers: Sequence[Path], disk: Path) -> str:
    """Mount options for a disk: ``layers`` from top to bottom, writes to ``disk``/upper.

    ``redirect_dir=on``: without it, renaming a directory that comes from a lower layer fails with
    EXDEV, which no real disk does, and setting directories aside by rename is the rollout's core.
    ``metacopy`` and ``index`` are off so that an upper directory can become a lower layer later.
    """
    lower = ":".join(str(layer) for layer in layers)
    return (
        f"lowerdir={lower},upperdir={disk / 'upper'},workdir={disk / 'work'},"
        "redirect_dir=on,metacopy=off,index=off"
    )


def network_file(place: Place, spec: HostSpec) -> str:
    """A static address; the file's name must sort before ``80-container-host0.network``."""
    return (
        "[Match]\nName=host0\n\n[Network]\n"
        f"Address={spec.address}/{place.network.prefixlen}\nGateway={place.gateway}\n"
        "DHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )


def hosts_file(specs: Sequence[HostSpec]) -> str:
    """Every host of the lab by name."""
    listed = "".join(f"{spec.address} {spec.name}\n" for spec in specs)
    return f"127.0.0.1 localhost\n::1 localhost\n{listed}"


def injected(
    place: Place,
    spec: HostSpec,
    specs: Sequence[HostSpec],
    *,
    login_key: str,
    host_key: str,
    host_key_public: str,
    resolver: str,
) -> dict[str, Injected]:
    """The files that make a disk this host of this checkout, by path below its root."""
    own = {"uid": LOGIN_UID, "gid": LOGIN_GID}
    return {
        "etc/hostname": Injected(f"{spec.name}\n"),
        "etc/hosts": Injected(hosts_file(specs)),
        "etc/resolv.conf": Injected(resolver),
        "etc/machine-id": Injected(f"{uuid.uuid5(_MACHINE_IDS, spec.name).hex}\n", 0o444),
        "etc/systemd/network/10-lab.network": Injected(network_file(place, spec)),
        "etc/ssh/ssh_host_ed25519_key": Injected(host_key, 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": Injected(host_key_public),
        f"{_HOME}/.ssh/authorized_keys": Injected(login_key, 0o600, **own),
    }


STRIPPED = (
    "etc/hostname",
    "etc/hosts",
    "etc/resolv.conf",
    "etc/machine-id",
    "etc/systemd/network/10-lab.network",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    f"{_HOME}/.ssh/authorized_keys",
)
"""What is taken off a disk before it becomes a layer, which belongs to no host and no checkout."""
