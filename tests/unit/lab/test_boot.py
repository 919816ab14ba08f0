"""What a host is booted with."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from lab.machine import boot
from lab.place import HostSpec, Injected, Place

PLACE = Place(checkout=Path("/nowhere"))
WA = HostSpec("wa-1", IPv4Address("198.51.100.11"), "service")
DB = HostSpec("db-1", IPv4Address("198.51.100.21"), "database")


def files() -> dict[str, Injected]:
    """What is put on wa-1's disk."""
    return boot.injected(
        PLACE,
        WA,
        [WA, DB],
        login_key="ssh-ed25519 LOGIN",
        host_key="SECRET",
        host_key_public="ssh-ed25519 HOST",
        resolver="nameserver 203.0.113.53\n",
    )


def test_nspawn_boots_the_disk_on_the_bridge() -> None:
    """Not registered, because the controller need not run systemd, and on a network of its own."""
    argv = boot.nspawn_argv(PLACE, WA)
    for needed in ("--boot", "--register=no", "--keep-unit", "--network-bridge=brlab0"):
        assert needed in argv
    assert "--directory=/var/lib/baileys-rollout-lab/hosts/wa-1/root" in argv
    assert len(boot.interface(PLACE, "x" * 12)) <= 15


def test_layers_are_stacked_top_first_and_directories_can_be_renamed() -> None:
    """The first lowerdir is the topmost; without redirect_dir a rename fails with EXDEV."""
    options = boot.overlay_options([Path("/snapshot"), Path("/base")], Path("/disk"))
    assert options.startswith("lowerdir=/snapshot:/base,upperdir=/disk/upper,workdir=/disk/work,")
    assert "redirect_dir=on" in options


def test_the_network_file_sorts_before_debians() -> None:
    """80-container-host0.network would ask for DHCP."""
    (name,) = [name for name in files() if "systemd/network" in name]
    assert Path(name).name < "80-container-host0.network"
    assert "Address=198.51.100.11/24" in files()[name].content
    assert "Gateway=198.51.100.1" in files()[name].content


def test_hosts_know_each_other_and_private_keys_are_private() -> None:
    """And the login key belongs to the login user, or sshd refuses it."""
    assert "198.51.100.21 db-1" in files()["etc/hosts"].content
    assert files()["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    key = files()["home/operator/.ssh/authorized_keys"]
    assert (key.uid, key.gid, key.mode) == (boot.LOGIN_UID, boot.LOGIN_GID, 0o600)


def test_whatever_is_put_on_a_disk_is_stripped_from_its_snapshots() -> None:
    """A layer with a host key in it would give that key to every host that stands on it."""
    assert set(files()) == set(boot.STRIPPED)
