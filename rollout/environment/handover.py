"""An environment handed to our own child processes, as it was loaded and checked once: as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollout.environment.environment import Environment, Host
from rollout.secret import marked, unmarked


def handed_over(environment: Environment) -> dict[str, Any]:
    """An environment as plain data, its secrets marked: for a pipe or for memory, never for a disk."""
    return {
        "name": environment.name,
        "hosts": [
            {"name": host.name, "groups": list(host.groups), "settings": marked(host.settings)}
            for host in environment.hosts
        ],
    }


def taken_over(data: Mapping[str, Any]) -> Environment:
    """The inverse of ``handed_over``."""
    hosts = (
        Host(host["name"], tuple(host["groups"]), unmarked(host["settings"]))
        for host in data["hosts"]
    )
    return Environment(data["name"], tuple(hosts))
