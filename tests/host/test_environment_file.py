"""The live `.env`: what the service will read at its next start."""

from collections.abc import Iterator, Mapping
from typing import Any

from hostswitch.envfile.dotenv import assignments
from roles.hostprogram import plan
from roles.hostprogram.plan import spelled

from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, octal, problems


def written(target: Target) -> dict[str, list[str]]:
    """Every value that each name has in the live file, in order. No message may hold a secret one."""
    found: dict[str, list[str]] = {}
    for one in assignments(target.content(str(target.declared.env_file)).decode(errors="replace")):
        found.setdefault(one.name, []).append(one.value)
    return found


def of_the_rollout(declared: Declared, *, database: bool) -> dict[str, str]:
    """What a rollout itself puts there, of the database or besides, by the service's names for it."""
    names = plan.own_names(declared.host.settings)
    there = plan.environment_settings(declared.host.settings)
    return {n: there[n] for n, one in names.items() if one.startswith("database_") == database}


@problems
def demand(target: Target, expected: Mapping[str, str]) -> Iterator[str]:
    """Pass where the live file has each of these names once, with just this value."""
    found = written(target)
    for name, value in expected.items():
        there = found.get(name, [])
        if there != [value]:
            secret = name in target.declared.password_names
            shown = "" if secret else f" {joined(there)}, declared is {value}"
            yield f"{name} is{shown or ' not as declared'}"


def test_env_file_is_private(host: Any, declared: Declared) -> None:
    """Every user of the host could read the database's password and take over all accounts."""
    file = host.file(str(declared.env_file))
    assert file.exists, f"{declared.env_file} is missing"
    assert file.is_file and not file.is_symlink, f"{declared.env_file} is not a plain file"
    assert (file.user, file.mode) == (declared.service_user, 0o600), (
        f"{declared.env_file} is {file.user}'s with mode {octal(file.mode)}"
    )


def test_env_file_has_the_declared_flags(target: Target, declared: Declared) -> None:
    """The next restart, at night by itself, would start another provider than the declared one."""
    demand(target, declared.flags)


def test_env_file_names_the_declared_database(target: Target, declared: Declared) -> None:
    """The next restart would open another database, or none, and make new credentials there."""
    demand(target, of_the_rollout(declared, database=True))


def test_env_file_has_the_declared_settings(target: Target, declared: Declared) -> None:
    """Other companies would be opened here than declared: two sockets on one account fight."""
    settings = declared.host.settings["service_settings"]
    expected = {
        **of_the_rollout(declared, database=False),
        **{name: spelled(value) for name, value in settings.items()},
    }
    demand(target, expected)


def test_no_name_stands_twice(target: Target, declared: Declared) -> None:
    """The last line wins: whoever edits the first one changes nothing and believes to have."""
    twice = [name for name, values in written(target).items() if len(values) > 1]
    assert not twice, f"more than once in {declared.env_file}: {joined(twice)}"


def test_release_reads_the_live_file(target: Target, declared: Declared) -> None:
    """A release with its own .env ignores every flag that is set on this host."""
    found = target.host.run("readlink -e %s/.env", target.release, user=target.user).stdout.strip()
    assert found == str(declared.env_file), f"{target.release}/.env leads to {found or 'nothing'}"


def test_copies_of_the_file_are_private(host: Any, declared: Declared) -> None:
    """A forgotten copy gives away the same password as the live file."""
    command = "find %s -maxdepth 3 -name '.env*' -type f -perm /077 ! -name '*.example' -print"
    found = host.lines(f"{command} -not -path '*/node_modules/*'", str(declared.app_dir))
    assert not found, f"readable by others: {listed(found)}"
