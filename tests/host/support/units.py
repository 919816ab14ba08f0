"""systemd's units on a host."""

from __future__ import annotations

from typing import Any


def unit(host: Any, name: str, *properties: str) -> dict[str, str]:
    """Properties of a systemd unit, its state in any case."""
    wanted = ",".join(("UnitFileState", "ActiveState", *properties))
    lines = host.check_output("systemctl show --property=%s -- %s", wanted, name).splitlines()
    return dict(line.split("=", 1) for line in lines)
