"""Where a setting stands: its inventory's groups, its folders, its file and line. Reads files only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rollout.checkout import ROOT
from rollout.errors import Mistake

VARIABLES = ROOT / "group_vars"
Groups = Mapping[str, Collection[str]]
"""By host, those that it is in."""
VARIABLE_FILES = ("", ".yml", ".yaml", ".json")


class Places:
    """Where settings stand: host → ``name``, ``name.key``, ``name[0]`` → ``file:line``, as Ansible says."""

    def __init__(self, environment: str, found: Mapping[str, Mapping[str, str]]) -> None:
        self.environment = environment
        self._found = found

    def of(self, host: str, setting: str) -> str:
        """``file:line`` of a setting (``name[2].path``) or the nearest thing around it; else its folder."""
        known = self._found.get(host, {})
        around = setting
        while around and around not in known:
            around = re.sub(r"(\[\d+\]|\.[^.\[]*|^[^.\[]+)$", "", around)
        return known.get(around) or default_places().get(variable_of(setting), self.folder)

    @property
    def folder(self) -> str:
        return f"{variable_folders(self.environment)[0].relative_to(ROOT)}/"

    @property
    def inventory(self) -> str:
        return f"inventory/{self.environment}.yml"


def variable_of(setting: str) -> str:
    """The variable that a place inside it (``name[2].path``) belongs to."""
    return re.split(r"[.\[]", setting, maxsplit=1)[0]


@cache
def default_places() -> dict[str, str]:
    """The lines of the roles' ``defaults.yml`` in which a default stands, by variable."""
    places = {}
    for path in sorted((ROOT / "roles").glob("*/defaults.yml")):
        name = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := re.match(r"([a-z]\w*):", line):
                name = found.group(1)
            elif line.startswith("  default:"):
                places[name] = f"{path.relative_to(ROOT)}:{number}"
    return places


def settings_files(environment: str) -> list[Path]:
    """Every file from which Ansible takes variables of an environment, its inventory last."""
    names = {
        "group_vars": {"all", *groups_of(environment), environment},
        "host_vars": set(hosts_of(environment)),
    }
    folders = [base / kind for base in (ROOT, ROOT / "inventory") for kind in names]
    files = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix in VARIABLE_FILES
        and {(first := path.relative_to(folder).parts[0]), Path(first).stem} & names[folder.name]
    ]
    return [*files, ROOT / "inventory" / f"{environment}.yml"]


def mistakes_of_files(environment: str, groups: Groups) -> Iterator[Mistake]:
    """Files that have no effect, another one than is meant, or secrets in plain text."""
    yield from _without_effect(environment)
    yield from _plaintext_vaults(environment)
    yield from _wrongly_copied(environment, groups)


def _without_effect(environment: str) -> Iterator[Mistake]:
    """Files that Ansible passes over: it prefers a folder of that name."""
    for path in settings_files(environment):
        folder = path.with_suffix("")
        if path.suffix and folder.is_dir():
            beside = folder.relative_to(ROOT)
            problem = f"Ansible does not read it: {beside}/ is there"
            yield Mistake(f"{path.relative_to(ROOT)}:1", problem, f"move it into {beside}/")


def _wrongly_copied(environment: str, groups: Groups) -> Iterator[Mistake]:
    """Where a host does not read the settings that are meant for it.

    A copy of an inventory whose group kept the old name gives its hosts another environment's database.
    """
    outside = [host for host, own in groups.items() if environment not in own]
    if outside:
        hosts = ", ".join(outside)
        problem = f"{hosts} not in a group {environment}: the settings are another environment's"
        remedy = f"name the group that holds every host as the file, {environment}"
        yield Mistake(f"inventory/{environment}.yml:1", problem, remedy)
    others = [path.stem for path in (ROOT / "inventory").glob("*.yml") if path.stem != environment]
    read = {"all", *(name for other in others for name in groups_of(other))}.union(*groups.values())
    for base in (ROOT, ROOT / "inventory"):
        for path in sorted((base / "group_vars").glob("[!.]*")):
            name = path.stem if path.is_file() else path.name
            if name not in read and (path.is_dir() or path.suffix in VARIABLE_FILES):
                place = f"{path.relative_to(ROOT)}{'/' if path.is_dir() else ':1'}"
                problem = f"no host reads it: none is in a group {name}"
                remedy = f"name the group in the inventory {name}, or remove it"
                yield Mistake(place, problem, remedy)


def is_encrypted(path: Path) -> bool:
    """Whether Ansible Vault encrypted a file as a whole."""
    with path.open("rb") as file:
        return file.read(14) == b"$ANSIBLE_VAULT"


def _plaintext_vaults(environment: str) -> Iterator[Mistake]:
    """Files that define ``vault_`` variables and are not encrypted."""
    for path in settings_files(environment):
        if is_encrypted(path):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if line.lstrip().startswith("vault_") and "!vault" not in line:
                shown, problem = path.relative_to(ROOT), "a secret stands here in plain text"
                yield Mistake(f"{shown}:{number}", problem, f"ansible-vault encrypt {shown}")
                break


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
    return list(dict.fromkeys(name for name, _ in _groups_below(_inventory(environment))))


def hosts_of(environment: str) -> list[str]:
    """Every host of an inventory, once, in its order."""
    groups = _groups_below(_inventory(environment))
    return list(dict.fromkeys(str(host) for _, one in groups for host in one.get("hosts") or ()))


def _inventory(environment: str) -> Any:
    """An inventory file as it is written, or None: what is wrong with it, Ansible says better."""
    try:
        # The round-trip loader reads past Ansible's own tags, such as `!vault`.
        return YAML().load(ROOT / f"inventory/{environment}.yml")
    except (OSError, YAMLError):
        return None


def _groups_below(tree: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, given in tree.items() if isinstance(tree, Mapping) else ():
        group = given if isinstance(given, Mapping) else {}
        yield str(name), group
        yield from _groups_below(group.get("children"))
