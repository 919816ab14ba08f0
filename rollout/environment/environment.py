"""An environment: its hosts with their settings, loaded by ansible-core and validated; read nowhere else."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from rollout.checkout import ROOT
from rollout.errors import Mistake, MistakesError, OperatorError, did_you_mean
from rollout.secret import marked, unmarked
from rollout.settings.catalogue import catalogue
from rollout.settings.kinds import DESCRIPTION, described
from rollout.settings.mistakes import flag_mistakes_in, mistakes_in
from rollout.settings.where import Places

SERVICE = "service"
DATABASE = "database"
AT_ONCE = 5
"""Hosts at once unless the operator says otherwise: each is a process of its own on this machine,
and that many services may be stopped at the same moment."""


@dataclass(frozen=True, eq=False)
class Host:
    name: str
    groups: tuple[str, ...]
    settings: Mapping[str, Any]  # every declared variable, templated; secrets are ``Secret``

    @property
    def address(self) -> str:
        return str(self.settings.get("ansible_host", self.name))

    @property
    def user(self) -> str:
        return str(self.settings.get("ansible_user", "root"))

    @property
    def port(self) -> int:
        return int(self.settings.get("ansible_port", 22))

    @property
    def key_file(self) -> str | None:
        """The private key that logs in, or None for the agent's and the user's own keys."""
        named = self.settings.get("ansible_ssh_private_key_file")
        return str(Path(named).expanduser().resolve()) if named else None

    @property
    def ssh_options(self) -> list[str]:
        return shlex.split(str(self.settings.get("ansible_ssh_common_args", "")))

    @property
    def known_hosts_file(self) -> str | None:
        """The file that pins the host's key, or None for the user's own."""
        for option in self.ssh_options:
            name, _, value = option.partition("=")
            if name == "UserKnownHostsFile":
                return str(Path(value).expanduser().resolve())
        return None


@dataclass(frozen=True)
class Environment:
    name: str
    hosts: tuple[Host, ...]  # its hosts in the inventory's order

    def in_group(self, group: str) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if group in host.groups)

    def host(self, name: str) -> Host:
        """One host by name. Raises OperatorError: there is none; the nearest name is in the text."""
        for host in self.hosts:
            if host.name == name:
                return host
        names = [host.name for host in self.hosts]
        problem = f"{self.name} has no host {name!r}; it has {', '.join(names)}."
        raise OperatorError(problem + did_you_mean(name, names), f"see inventory/{self.name}.yml")

    def in_rollout_order(self) -> tuple[Host, ...]:
        """Databases first, then the host that migrates the schema, then the other service hosts."""
        schema_hosts = {host.settings.get("schema_host") for host in self.in_group(SERVICE)}
        services = sorted(self.in_group(SERVICE), key=lambda host: host.name not in schema_hosts)
        # A host may be in both groups; it comes once.
        return tuple(dict.fromkeys((*self.in_group(DATABASE), *services)))


def batches(hosts: Sequence[Host], size: int) -> list[tuple[Host, ...]]:
    """Split hosts into what is rolled out together, ``size`` at a time after the barrier.

    Each database host comes alone, then the first service host, as the barrier: what is wrong with the
    release or the settings shows there, while every other host still runs as before.
    """
    databases = [host for host in hosts if DATABASE in host.groups]
    services = [host for host in hosts if DATABASE not in host.groups]
    alone = [(host,) for host in [*databases, *services[:1]]]
    rest = services[1:]
    return [*alone, *(tuple(rest[at : at + size]) for at in range(0, len(rest), size))]


def handed_over(environment: Environment) -> dict[str, Any]:
    """An environment as plain data, its secrets marked: for a child's memory, never for a disk."""
    hosts = [
        {"name": host.name, "groups": list(host.groups), "settings": marked(host.settings)}
        for host in environment.hosts
    ]
    return {"name": environment.name, "hosts": hosts}


def taken_over(data: Mapping[str, Any]) -> Environment:
    hosts = (
        Host(host["name"], tuple(host["groups"]), unmarked(host["settings"]))
        for host in data["hosts"]
    )
    return Environment(data["name"], tuple(hosts))


def environment_names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "inventory").glob("*.yml"))


@cache
def load(name: str) -> Environment:
    """Load and validate one environment; no host is contacted. Raises MistakesError: all mistakes at once."""
    declared, places, broken = _declared(name)
    mistakes = mistakes_in(declared.hosts, places, broken)
    if mistakes:
        raise MistakesError(name, mistakes)
    return Environment(name, tuple(_completed(host) for host in declared.hosts))


def flag_mistakes_of(name: str) -> list[Mistake]:
    """What is wrong with the flags of one environment, whatever else is."""
    declared, places, _ = _declared(name)
    return flag_mistakes_in(declared.in_group(SERVICE), places)


def load_unchecked(name: str) -> Environment:
    """One environment as it is declared, mistakes included: to show and judge parts of it."""
    return _declared(name)[0]


def _declared(name: str) -> tuple[Environment, Places, dict[str, Any]]:
    """An environment as it is declared, where, and by host what can't be worked out, with the reason."""
    found = _read(name)
    hosts = tuple(
        Host(entry["name"], tuple(entry["groups"]), _overridden(unmarked(entry["variables"])))
        for entry in found
    )
    places = Places(name, {entry["name"]: entry["places"] for entry in found})
    return Environment(name, hosts), places, {entry["name"]: entry["broken"] for entry in found}


def _overridden(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings whose ``flags`` are those of the host: its own or its group's over the environment's."""
    flags, overrides = settings.get("flags"), settings.get("flag_overrides")
    if not isinstance(flags, Mapping) or not isinstance(overrides, Mapping):
        return settings
    return {**settings, "flags": {**flags, **overrides}}


def _completed(host: Host) -> Host:
    """A valid host: its flags as the ``.env`` spells them, its service's whole description."""
    if SERVICE not in host.groups:
        return host
    flags = catalogue().completed(host.settings["flags"])
    known = {"flags": flags, DESCRIPTION: described(host.settings)}
    return replace(host, settings={**host.settings, **known})


def _read(name: str) -> list[dict[str, Any]]:
    """What ansible-core makes of the environment's hosts, from a child process."""
    if name not in environment_names():
        problem = f"There is no environment {name!r}; there are {', '.join(environment_names())}."
        remedy = f"write inventory/{name}.yml (README, “Your own server”)"
        raise OperatorError(problem + did_you_mean(name, environment_names()), remedy)
    # What Ansible's other users set for themselves would bend what is read here: duplicates allowed, say.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [sys.executable, "-m", "rollout.environment.reader", name],
        cwd=ROOT,
        # Named, because Ansible passes over one in a folder that others may write. It refuses every
        # other locale; ssh brings names of locales along that this machine does not have.
        env={**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return list(json.loads(done.stdout)["hosts"])
    raise _not_read(name, done.stderr)


def _not_read(name: str, complaint: str) -> OperatorError:
    usual = f"~/.config/baileys-rollout/{name}.vault-password"
    remedy = f"put the vault password into {os.environ.get('ROLLOUT_VAULT_PASSWORD_FILE') or usual}"
    if name.startswith("lab"):
        remedy = "python -m lab up generates the lab's vault and its password"
    # The words of inventory/vault-password-client.py, as Ansible hands them on.
    missing = re.search(r"No vault password for '([^']*)'; looked in:([^\"]*)", complaint)
    if missing:
        looked = ", ".join(re.findall(r"/[^\s\\]+", missing[2]))
        problem = f"there is no vault password for {missing[1]}: looked in {looked}."
        return OperatorError(f"{name}: {problem}", remedy)
    if "Decryption failed" in complaint:
        return OperatorError(
            f"{name}: the vault password is wrong: it does not open what is encrypted.",
            f"{remedy}; to try it: ansible-vault view group_vars/{name}/vault.yml",
        )
    reason = (complaint.strip().splitlines() or ["no reason given"])[-1]
    return OperatorError(
        f"{name}: the inventory can't be read: {reason}",
        f"ansible-inventory -i inventory/{name}.yml --list",
    )
