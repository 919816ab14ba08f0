"""Read one Ansible inventory with its group_vars and Vault, and print it as JSON.

Run as a program (``python -m rollout.environment.reader ENVIRONMENT``), never imported by the command:
ansible-core must not share a process with gevent, and in a child it takes 0.3 s (docs/facts.md section 5,
"Layout and inventory"). Secrets cross the pipe marked, so that the parent wraps them at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rollout.checkout import ROOT
from rollout.environment.origins import keep_the_last_key, place_of_error, places_of
from rollout.secret import SECRET_MARK
from rollout.settings.mistakes import PLACEHOLDER, known_variables
from rollout.settings.where import is_encrypted, settings_files, variable_folders

VAULT_PREFIX = "vault_"
# Shorter vault values (a port, "true") would mark unrelated texts as secret.
SHORTEST_EMBEDDED_SECRET = 8


def plain(value: Any, secrets: frozenset[str]) -> Any:
    """Ansible's tagged value as plain JSON data, texts of the vault as ``{"__secret__": text}``."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, secrets) for item in value]
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    text = "".join(str(value))
    long = (secret for secret in secrets if len(secret) >= SHORTEST_EMBEDDED_SECRET)
    is_secret = text in secrets or any(secret in text for secret in long)
    return {SECRET_MARK: text} if is_secret else text


def leaves(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str) and value:
        yield "".join(value)


def vault_ids(environment: str) -> list[str]:
    """Whose vault passwords are needed, as Ansible wants to be told.

    Each folder of ``group_vars`` has its own; what is for all, or beside them, has the most special
    one's.
    """
    own = variable_folders(environment)[:-1]
    # Encrypted as a whole, or with an inline value.
    locked = [
        path
        for path in settings_files(environment)
        if is_encrypted(path) or b"!vault" in path.read_bytes()
    ]
    names = [folder.name for folder in own if any(folder in path.parents for path in locked)]
    if locked and not names:
        names = [own[0].name]
    return [f"{name}@{ROOT / 'inventory' / 'vault-password-client.py'}" for name in names]


def read(environment: str) -> dict[str, Any]:
    """Load, template and decrypt one environment.

    Returns ``{"hosts": [{"name", "groups", "variables", "places", "broken"}]}`` in the inventory's order;
    ``places`` as ``places_of`` gives them, ``broken`` variable → why it does not template.
    """
    keep_the_last_key()
    from ansible.cli import CLI
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.manager import VariableManager

    loader = DataLoader()
    loader.set_basedir(str(ROOT))
    # This also fills the context in which 2.19 looks for the secrets of inline `!vault` values.
    secrets = CLI.setup_vault_secrets(loader, vault_ids=vault_ids(environment), auto_prompt=False)
    loader.set_vault_secrets(secrets)
    read_each(loader, environment)
    source = f"inventory/{environment}.yml"
    with warnings_are_errors(source):
        inventory = InventoryManager(loader=loader, sources=[str(ROOT / source)])
    variables = VariableManager(loader=loader, inventory=inventory)
    locked = [path for path in settings_files(environment) if is_encrypted(path)]
    encrypted = {str(path.relative_to(ROOT)) for path in locked}
    hosts = [
        host_entry(loader, host, variables.get_vars(host=host), encrypted)
        for host in inventory.get_hosts("all", order="inventory")
    ]
    return {"hosts": hosts}


def read_each(loader: Any, environment: str) -> None:
    """Read every file by itself, so that what is wrong with one names it; Ansible keeps what it read."""
    from ansible.errors import AnsibleError

    for path in settings_files(environment):
        shown = path.relative_to(ROOT)
        try:
            found = loader.load_from_file(str(path), unsafe=True, trusted_as_template=True)
        except AnsibleError as error:
            raise error if place_of_error(error) else AnsibleError(f"{shown}: {error}") from None
        if not isinstance(found, Mapping | type(None)):
            raise AnsibleError(f"{shown}: there are no names with values in it")
        for name in found or ():
            if not isinstance(name, str):
                raise AnsibleError(f"{shown}: the name {name} is no text; put it in quotes")


@contextmanager
def warnings_are_errors(place: str) -> Iterator[None]:
    """Refuse what Ansible passes over with a warning: a group that it skips is hosts without a rollout."""
    from ansible.errors import AnsibleError
    from ansible.utils.display import Display

    def refuse(msg: str, *_: Any, exception: BaseException | None = None) -> None:
        raise AnsibleError(f"{place}: {exception or msg}")

    display = Display()
    display.warning = display.error_as_warning = refuse
    try:
        yield
    finally:
        del display.warning, display.error_as_warning


def host_entry(
    loader: Any, host: Any, raw: Mapping[str, Any], encrypted: Collection[str]
) -> dict[str, Any]:
    """One host as JSON data; every text of an encrypted file is secret."""
    broken: dict[str, str] = {}
    declared = {name: value for name, value in raw.items() if name not in MAGIC_VARIABLES}
    places = places_of({host.name: host.name, **declared})
    from_vault = {name for name in declared if places.get(name, "").rpartition(":")[0] in encrypted}
    return {
        "name": host.name,
        "groups": sorted(group.name for group in host.get_groups() if group.name != "all"),
        "variables": host_variables(loader, raw, from_vault, broken),
        "places": places,
        "broken": broken,
    }


def host_variables(
    loader: Any, raw: Mapping[str, Any], from_vault: Collection[str], broken: dict[str, str]
) -> dict[str, Any]:
    from ansible.errors import AnsibleError
    from ansible.template import Templar, trust_as_template

    # The roles' defaults have the lowest precedence.
    defaults = {
        name: trusted(spec["default"], trust_as_template)
        for name, spec in known_variables().items()
        if "default" in spec
    }
    merged = {**defaults, **raw}
    templar = Templar(loader=loader, variables=merged)
    declared = set(merged) - set(MAGIC_VARIABLES)
    templated: dict[str, Any] = {}
    for name in sorted(declared):
        try:
            templated[name] = templar.template(merged[name])
        except AnsibleError as error:
            broken[name] = str(error).splitlines()[0]
    in_vault = {name for name in templated if name.startswith(VAULT_PREFIX) or name in from_vault}
    in_vault |= {name for name in declared if type(merged[name]).__name__ == "EncryptedString"}
    found = {text for name in in_vault for text in leaves(templated.get(name))}
    # An example's placeholder is no secret: it stands in plain settings too, and is to be reported.
    secrets = frozenset(text for text in found if PLACEHOLDER not in text)
    return {name: plain(value, secrets) for name, value in templated.items()}


def trusted(value: Any, trust: Any) -> Any:
    """A default as a template that ansible-core 2.19 is willing to evaluate."""
    if isinstance(value, str):
        return trust(value)
    if isinstance(value, list):
        return [trusted(item, trust) for item in value]
    return value


# What Ansible itself adds to a host's variables.
MAGIC_VARIABLES = (
    "ansible_check_mode", "ansible_config_file", "ansible_diff_mode", "ansible_facts",
    "ansible_forks", "ansible_inventory_sources", "ansible_playbook_python", "ansible_run_tags",
    "ansible_skip_tags", "ansible_verbosity", "ansible_version", "ansible_limit", "group_names",
    "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname",
    "inventory_hostname_short", "omit", "play_hosts", "playbook_dir", "environment", "vars",
)  # fmt: skip


def main() -> int:
    """Print the environment named in argv as one JSON object; 1 with the reason when it can't."""
    try:
        found = read(sys.argv[1])
    except Exception as error:  # the parent shows one sentence, whatever Ansible raised
        place = place_of_error(error)
        text = f"{place}: {error}" if place else str(error)
        print(" ".join(text.split()), file=sys.stderr)
        return 1
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
