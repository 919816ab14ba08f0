"""The same environment, handed to pyinfra: what ``inventory/*.py`` load."""

from __future__ import annotations

import sys
from typing import Any

from rollout.deploys.pyinfra_ssh import install
from rollout.environment.environment import SERVICE, Environment, Host, load
from rollout.errors import OperatorError
from rollout.settings.mistakes import FOREIGN_PREFIXES


def hosts_and_groups(name: str) -> dict[str, Any]:
    """pyinfra's view of an environment, for an inventory file's ``globals()``; mistakes end the program."""
    try:
        return view(load(name))
    except OperatorError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


def view(environment: Environment) -> dict[str, Any]:
    """``all``, the hosts with their data, and a list of names for each group (docs/facts.md section 5)."""
    install()
    # Plain pyinfra asks no host what it runs; only where there is no other, there is none to ask.
    asked = {"others_answered": len(environment.in_group(SERVICE)) < 2}
    hosts = [(host.name, host_data(environment, host) | asked) for host in environment.hosts]
    groups = sorted({group for host in environment.hosts for group in host.groups})
    members = {group: [host.name for host in environment.in_group(group)] for group in groups}
    return {"all": hosts, **members}


def host_data(environment: Environment, host: Host) -> dict[str, Any]:
    """A host's settings with its connection mapped to pyinfra's names.

    A string ``"no"`` in ``_sudo`` would turn sudo on, and a variable called ``name`` would rename
    every operation (docs/facts.md section 5), so Ansible's connection variables are not passed through.
    """
    own = {
        name: value
        for name, value in host.settings.items()
        if not name.startswith(FOREIGN_PREFIXES)
    }
    connection = {
        "ssh_hostname": host.address,
        "ssh_user": host.user,
        "ssh_port": host.port,
        "ssh_key": host.key_file,
        "ssh_options": host.settings.get("ansible_ssh_common_args"),
    }
    given = {name: value for name, value in connection.items() if value is not None}
    return {**own, **given, "environment": environment.name}
