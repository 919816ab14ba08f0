"""Which hosts are rolled out together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.environment.environment import DATABASE, Host

AT_ONCE = 5
"""Hosts at once unless the operator says otherwise: each is a process of its own on this machine,
and that many services may be stopped at the same moment."""


def batches(hosts: Sequence[Host], size: int) -> list[tuple[Host, ...]]:
    """Split hosts into what is rolled out together.

    Args:
        size: how many at once after the barrier, at least 1.

    Returns:
        Each database host alone, then the first service host alone, as the barrier: what is wrong
        with the release or the settings shows there, while every other host still runs as before.
        Then the rest, ``size`` at a time.
    """
    databases = [host for host in hosts if DATABASE in host.groups]
    services = [host for host in hosts if DATABASE not in host.groups]
    alone = [(host,) for host in [*databases, *services[:1]]]
    rest = services[1:]
    return [*alone, *(tuple(rest[at : at + size]) for at in range(0, len(rest), size))]
