"""An inventory's groups and hosts, and the folders its settings stand in. Reads files only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rollout.checkout import ROOT

VARIABLES = ROOT / "group_vars"


def variable_folders(environment: str) -> list[Path]:
    """The folders that hold an environment's settings, the most special first.

    Those of the groups in its inventory, so that two inventories (a lab of two hosts and one of five) can
    share one group's settings; the folder of its own name if no group has one; that of all environments.
    """
    groups = [name for name in groups_of(environment) if name != "all"]
    own = [VARIABLES / name for name in groups if (VARIABLES / name).is_dir()]
    return [*(reversed(own) if own else [VARIABLES / environment]), VARIABLES / "all"]


def flags_file(environment: str) -> Path:
    """The file that declares an environment's flags: of its own folders, the first that has one."""
    files = [folder / "flags.yml" for folder in variable_folders(environment)[:-1]]
    return next((file for file in files if file.exists()), files[0])


def groups_of(environment: str) -> list[str]:
    """Every group of an inventory, once, a group before those that it holds."""
    return list(dict.fromkeys(_groups_below(_inventory(environment))))


def hosts_of(environment: str) -> list[str]:
    """Every host of an inventory, once, in its order."""
    return list(dict.fromkeys(_hosts_below(_inventory(environment))))


def _inventory(environment: str) -> Any:
    """An inventory file as it is written, or None: what is wrong with it, Ansible says better."""
    try:
        # The round-trip loader reads past Ansible's own tags, such as `!vault`.
        return YAML().load(ROOT / f"inventory/{environment}.yml")
    except (OSError, YAMLError):
        return None


def _groups_below(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for name, group in tree.items():
            yield str(name)
            if isinstance(group, Mapping):
                yield from _groups_below(group.get("children"))


def _hosts_below(tree: Any) -> Iterator[str]:
    for group in tree.values() if isinstance(tree, Mapping) else ():
        if isinstance(group, Mapping):
            yield from map(str, group.get("hosts") or ())
            yield from _hosts_below(group.get("children"))
