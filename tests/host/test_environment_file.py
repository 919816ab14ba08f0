"""The live `.env`: what the service will read at its next start."""

from __future__ import annotations

from typing import Any

import pytest

from .support import dotenv
from .support.declared import Declared
from .support.target import Target
from .support.wording import joined, listed, octal

pytestmark = pytest.mark.on("service")

PASSWORD = "POSTGRES_PASSWORD"


def written(target: Target, declared: Declared) -> dict[str, list[str]]:
    """The live file, name by name. Its values are secret: no message may hold one unmasked."""
    return dotenv.parse(target.content(str(declared.env_file)).decode(errors="replace"))


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
    found = written(target, declared)
    wrong = [
        f"{name} is {joined(found.get(name, []))}, declared is {value}"
        for name, value in declared.flags.items()
        if found.get(name) != [value]
    ]
    assert not wrong, listed(wrong)


def test_env_file_names_the_declared_database(target: Target, declared: Declared) -> None:
    """The next restart would open another database, or none, and make new credentials there."""
    expected = {
        "POSTGRES_HOST": declared.text("database_host"),
        "POSTGRES_PORT": declared.text("database_port"),
        "POSTGRES_DATABASE": declared.text("database_name"),
        "POSTGRES_USER": declared.text("database_app_user"),
        PASSWORD: declared.secret("database_app_password"),
        "POSTGRES_SSL_CA": str(declared.authority_file),
    }
    found = written(target, declared)
    wrong = [
        f"{name} is not as declared" if name == PASSWORD else f"{name} is not {value}"
        for name, value in expected.items()
        if found.get(name, [None])[-1] != value
    ]
    assert not wrong, listed(wrong)


def test_env_file_has_the_declared_settings(target: Target, declared: Declared) -> None:
    """Other companies would be opened here than declared: two sockets on one account fight."""
    settings = declared.host.settings["service_settings"]
    expected = {
        "COMPANIES": ",".join(declared.companies),
        "STATUS_PORT": declared.text("service_port"),
        **{name: str(value) for name, value in settings.items()},
    }
    found = written(target, declared)
    wrong = [
        f"{name} is {joined(found.get(name, []))}, declared is {value}"
        for name, value in expected.items()
        if found.get(name, [None])[-1] != value
    ]
    assert not wrong, listed(wrong)


def test_no_name_stands_twice(target: Target, declared: Declared) -> None:
    """The last line wins: whoever edits the first one changes nothing and believes to have."""
    twice = [name for name, values in written(target, declared).items() if len(values) > 1]
    assert not twice, f"more than once in {declared.env_file}: {joined(twice)}"


def test_release_reads_the_live_file(target: Target, declared: Declared) -> None:
    """A release with its own .env ignores every flag that is set on this host."""
    found = target.host.run("readlink -e %s/.env", target.release, user=target.user).stdout.strip()
    assert found == str(declared.env_file), f"{target.release}/.env leads to {found or 'nothing'}"


def test_copies_of_the_file_are_private(host: Any, declared: Declared) -> None:
    """A forgotten copy gives away the same password as the live file."""
    command = "find %s -maxdepth 3 -name '.env*' -type f -perm /077 ! -name '*.example' -print"
    found = host.run_expect([0], f"{command} -not -path '*/node_modules/*'", str(declared.app_dir))
    assert not found.stdout.strip(), f"readable by others: {listed(found.stdout.splitlines())}"
