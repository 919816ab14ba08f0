"""A port that nothing listens on."""

from __future__ import annotations

import socket


def free_port(address: str = "127.0.0.1") -> int:
    """One that was free an instant ago."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
