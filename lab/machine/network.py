"""The lab's network: one bridge, and one table of packet rules that lets the hosts out."""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Network
from pathlib import Path

from lab.place import LabError, Place
from lab.tools import run

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def rules(place: Place) -> str:
    """The table as text for ``nft -f``; loading it replaces an older one in one step."""
    return f"""
table ip {place.table}
delete table ip {place.table}
table ip {place.table} {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        ip saddr {place.network} oifname != "{place.bridge}" masquerade
    }}
}}
"""


def overlapping(routes: str, place: Place) -> list[str]:
    """Interfaces other than the lab's bridge that lead to some of the lab's addresses.

    Args:
        routes: what ``ip -json route show`` prints.
        place: whose network.
    """
    return sorted(
        {
            route.get("dev", "?")
            for route in json.loads(routes)
            if route["dst"] != "default"
            and IPv4Network(route["dst"]).overlaps(place.network)
            and route.get("dev") != place.bridge
        }
    )


def ensure(place: Place) -> None:
    """Make bridge, address, rules and forwarding as they should be, whatever is there.

    Raises:
        LabError: the machine reaches the lab's addresses by another interface.
    """
    others = overlapping(run(["ip", "-json", "route", "show"]), place)
    if others:
        # Going on would take the addresses, the machine's own gateway perhaps, away from it.
        raise LabError(
            f"the lab's network {place.network} is this machine's own on {', '.join(others)}; "
            f"change it in lab/place.py and {place.inventory}"
        )
    if not exists(place.bridge):
        _ip("link", "add", place.bridge, "type", "bridge")
    address = f"{place.gateway}/{place.network.prefixlen}"
    _ip("address", "replace", address, "dev", place.bridge)
    _ip("link", "set", place.bridge, "up")
    run(["nft", "-f", "-"], rules(place))
    before = place.state / "ip_forward.before"
    if not before.exists():
        before.write_text(FORWARDING.read_text())
    FORWARDING.write_text("1\n")


def remove(place: Place) -> None:
    """Take bridge and rules away, and put forwarding back as it was found."""
    if exists(place.bridge):
        _ip("link", "delete", place.bridge)
    if f"table ip {place.table}\n" in run(["nft", "list", "tables"]):
        run(["nft", "delete", "table", "ip", place.table])
    before = place.state / "ip_forward.before"
    if before.exists():
        FORWARDING.write_text(before.read_text())
        before.unlink()


def drop_interface(name: str) -> None:
    """Delete the controller's end of a dead host's cable, if the kernel has not done so yet."""
    # The kernel may be quicker between the look and the deletion, so a failure says nothing.
    if exists(name):
        subprocess.run(["ip", "link", "delete", name], stderr=subprocess.DEVNULL, check=False)


def switch_interface(name: str, state: str) -> None:
    """Pull (``down``) or plug in (``up``) a host's network cable."""
    _ip("link", "set", name, state)


def is_up(name: str) -> bool:
    """Whether a host's cable is plugged in."""
    try:
        flags = int(Path(f"/sys/class/net/{name}/flags").read_text(), 16)
    except FileNotFoundError:
        return False
    return bool(flags & 1)


def exists(name: str) -> bool:
    """Whether there is such an interface on this machine."""
    return Path(f"/sys/class/net/{name}").exists()


def _ip(*arguments: str) -> None:
    run(["ip", *arguments])
