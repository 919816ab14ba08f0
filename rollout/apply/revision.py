"""Which commit a host is to run, where a tag or a branch is declared and hosts say what it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollout.environment.environment import Host
from rollout.errors import OperatorError

Revision = tuple[str | None, str | None]
"""Repository, and the tag, branch or commit in it."""


def revision_of(host: Host) -> Revision:
    """What a host is to run, as declared: hosts may differ in it."""
    return host.settings.get("service_repository"), host.settings.get("service_revision")


def commits_said(
    hosts: Sequence[Host], commits: Mapping[str, str]
) -> dict[Revision, Mapping[str, str]]:
    """By revision, what the hosts that are to run it resolved it to; a database host resolves none."""
    found: dict[Revision, dict[str, str]] = {}
    for host in hosts:
        if host.name in commits:
            found.setdefault(revision_of(host), {})[host.name] = commits[host.name]
    return dict(found)


def resolution(host: Host, by_host: Mapping[str, str]) -> tuple[str, str]:
    """The commit that a host is to run, and the one that it must find itself; empty where not known.

    What two hosts said is known, and a branch may move while the others are rolled out; if they differ,
    it is refused. What one said is its own: no host chooses what another deploys.
    """
    if len(set(by_host.values())) > 1:
        what = ", ".join(f"{commit} on {name}" for name, commit in by_host.items())
        raise OperatorError(
            f"{host.name}: service_revision {revision_of(host)[1]} is {what}: it moved meanwhile, or"
            " one of them is not to be trusted. Nothing was done.",
            "the same command again; or declare the commit itself",
        )
    claim = next(iter(by_host.values()), "")
    return claim if host.name in by_host or len(by_host) > 1 else "", claim
