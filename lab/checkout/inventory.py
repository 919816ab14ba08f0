"""The lab's hosts, read from an inventory (``inventory/lab.yml``) with a YAML parser alone.

The lab must be able to start before ansible-core can load anything, so only literal values are
understood here: ``ansible_host``, ``lab_image`` and ``companies`` stand beside each host or in a
group's ``vars``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.place import HostSpec, LabError, Place

# The kernel takes 15 characters for an interface; nspawn prefixes the host's name with "vb-".
LONGEST_NAME = 12


def load(place: Place, images: Collection[str]) -> list[HostSpec]:
    """The hosts of the lab, in the inventory's order.

    Raises:
        LabError: the file is missing or not YAML, or hosts are incomplete (all mistakes at once).
    """
    specs, mistakes = parse(read(place.inventory), place, images)
    if not specs and not mistakes:
        mistakes = ["no host is declared"]
    if mistakes:
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise LabError(f"{place.inventory} does not describe a lab:{listed}")
    return specs


def read(path: Path) -> Any:
    """The parsed YAML of an inventory.

    Raises:
        LabError: missing or unparsable.
    """
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise LabError(
            f"{path} is missing: it lists the lab's hosts; restore it from git"
        ) from None
    except YAMLError as error:
        raise LabError(f"{path} is not valid YAML: {error}") from None


def parse(tree: Any, place: Place, images: Collection[str]) -> tuple[list[HostSpec], list[str]]:
    """Hosts and mistakes of a parsed inventory."""
    found: dict[str, dict[str, Any]] = {}
    for group in (tree or {}).values():
        for name, variables in _hosts_of(group or {}, {}):
            found.setdefault(name, {}).update(variables)
    specs: list[HostSpec] = []
    mistakes: list[str] = []
    for name, variables in found.items():
        problems = _problems(name, variables, place, images)
        mistakes += [f"{name}: {problem}" for problem in problems]
        if not problems:
            address = IPv4Address(variables["ansible_host"])
            companies = tuple(map(str, variables.get("companies") or ()))
            specs.append(HostSpec(name, address, variables["lab_image"], companies))
    addresses = [spec.address for spec in specs]
    mistakes += [
        f"{spec.name}: another host has {spec.address} too"
        for spec in specs
        if addresses.count(spec.address) > 1
    ]
    return specs, mistakes


def _hosts_of(
    group: Mapping[str, Any], inherited: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    variables = {**inherited, **(group.get("vars") or {})}
    for name, own in (group.get("hosts") or {}).items():
        yield name, {**variables, **(own or {})}
    for child in (group.get("children") or {}).values():
        yield from _hosts_of(child or {}, variables)


def _problems(
    name: str, variables: Mapping[str, Any], place: Place, images: Collection[str]
) -> list[str]:
    problems = []
    if len(place.machine(name)) > LONGEST_NAME:
        problems.append(f"a name of at most {LONGEST_NAME} characters is needed for its interface")
    if variables.get("lab_image") not in images:
        problems.append(f"lab_image must be one of: {', '.join(sorted(images))}")
    return problems + _address_problems(variables.get("ansible_host"), place)


def _address_problems(value: Any, place: Place) -> list[str]:
    try:
        address = IPv4Address(str(value))
    except AddressValueError:
        return [f"ansible_host must be an IPv4 address of {place.network}, not {value!r}"]
    if address not in place.network or address in (place.gateway, place.network[0]):
        return [f"ansible_host {address} must be a free address of {place.network}"]
    return []
