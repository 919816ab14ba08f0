"""Settings are judged before any host is contacted; every mistake is one sentence with its place."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.environment.environment import load
from rollout.errors import Mistake, MistakesError, OperatorError
from rollout.secret import Secret
from rollout.settings.catalogue import catalogue
from rollout.settings.mistakes import known_variables, mistakes_in
from rollout.settings.where import Places, flags_file, variable_folders

from ..good_settings import GOOD, DeclaredHost, wrong_values

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
FLAGS = GOOD["flags"]
PLACES = Places("production", {"wa-1": {"companies": "inventory/production.yml:10"}})


def mistakes(*hosts: DeclaredHost) -> list[Mistake]:
    """Every mistake of hosts of an environment that has no file of its own beside the example."""
    return mistakes_in(hosts, PLACES)


def test_complete_settings_have_no_mistake() -> None:
    """A false alarm would stop every rollout."""
    assert mistakes(DeclaredHost(GOOD)) == []


@pytest.mark.parametrize("name", sorted(known_variables()))
@settings(max_examples=400 if SOAK else 25, deadline=None)
@given(data=st.data())
def test_no_variable_takes_a_wrong_value(name: str, data: st.DataObject) -> None:
    """Each variable of each role, wrong in type, form or range: what slips through meets a host."""
    value = data.draw(wrong_values(name))
    found = mistakes(DeclaredHost({**GOOD, name: value}))
    named = [one for one in found if re.search(rf"\b{name}\b", one.problem)]
    assert named, f"{name}: {value!r} was accepted: {found}"
    assert all(one.remedy for one in found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"remove_after_days": "11"}, "must be a whole number from 0 to 3650, not '11'"),
        ({"database_backup": "provider"}, "database_backup_reason is empty"),
        ({"service_revisoin": "v2"}, "did you mean service_revision?"),
        ({"ansible_hots": "10.0.0.1"}, "did you mean ansible_host?"),
        ({"ansible_ssh_host": "10.0.0.1"}, "did you mean ansible_host?"),
        ({"ansible_port": "ssh"}, "ansible_port must be a whole number"),
        ({"schema_host": "db-9"}, "is no host of the group `service`"),
        ({"service_repository": "FILL IN"}, "still says"),
        ({"database_host": "db.example.net"}, "is still the example's"),
        ({"gate_settle_seconds": 90}, "must be less than gate_limit_seconds (90)"),
        ({"database_app_user": "whatsapp_owner"}, "are both whatsapp_owner"),
        ({"service_settings": {"STATUS_PORT": 1}}, "set service_port instead"),
        (
            {"service_settings": {"LOG_LEVEL": "info"}, "flags": {**FLAGS, "LOG_LEVEL": "info"}},
            "is in",
        ),
        ({"pm2_environment": {"USE_LEGACY_SUPABASE": "false"}}, "and in flags"),
        ({"pm2_environment": {"TOKEN": Secret("x")}}, "use service_secrets"),
        ({"sibling_apps": {"baileys-whatsapp-service": "a.js"}}, "names the service itself"),
        ({"legacy_directories": [{"path": "releases", "kind": "backup"}]}, "the rollout's own"),
        ({"legacy_directories": [{"path": "archive", "kind": "test"}]}, "the retired scripts"),
        ({"archive_directory": "/opt/ai-admin/old/archives"}, "lies in app_dir"),
        ({"archive_directory": "/home/ai-admin"}, "lies in service_home"),
        ({"app_dir": "/home/ai-admin/app"}, "lies in service_home"),
        ({"app_dir": "/home/ai-admin"}, "lies in service_home"),
        (
            {"legacy_directories": [{"path": n, "kind": "backup"} for n in ("old", "old/older")]},
            "one in the other",
        ),
        (
            {"flags": {"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "false"}},
            "Exactly one",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], words: str) -> None:
    """What slips through here is found by a customer."""
    (mistake,) = mistakes(DeclaredHost({**GOOD, **change}))
    assert words in str(mistake)
    assert mistake.place.startswith(("group_vars/", "inventory/", "roles/"))


def test_a_missing_setting_says_what_it_is_for() -> None:
    """The operator should not have to read the code to fill it in."""
    missing = {name: value for name, value in GOOD.items() if name != "archive_recipients"}
    (mistake,) = mistakes(DeclaredHost(missing))
    assert mistake.problem == "archive_recipients is missing"
    assert mistake.remedy.startswith("age public keys")


def test_an_identity_taken_for_its_recipient_is_not_shown() -> None:
    """The list of mistakes ends up in terminals and CI logs; whoever reads it reads the archives."""
    secret = f"AGE-SECRET-KEY-1{'Q' * 58}"
    (mistake,) = mistakes(DeclaredHost({**GOOD, "archive_recipients": [secret]}))
    assert "an identity, which is secret" in mistake.problem and "QQQ" not in str(mistake)


def test_one_company_on_two_hosts_is_refused() -> None:
    """Two sockets on one credential throw each other out (docs/facts.md section 2)."""
    hosts = [DeclaredHost(GOOD), DeclaredHost(GOOD, name="wa-2")]
    (mistake,) = mistakes(*hosts)
    assert "company 962302 is on wa-1 and wa-2" in mistake.problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_host": "wa-2"}, "schema_host differs: wa-1 (wa-1) and wa-2 (wa-2)"),
        ({"ansible_host": "10.0.0.1"}, "wa-1 and wa-2 have one address, 10.0.0.1"),
    ],
)
def test_hosts_that_contradict_each_other_are_refused(change: dict[str, Any], words: str) -> None:
    """Two hosts that both migrate, or two names for one machine, undo each other's work."""
    first = DeclaredHost({**GOOD, "ansible_host": "10.0.0.1"})
    other = {**GOOD, "companies": ["7"], "ansible_host": "10.0.0.2", **change}
    (mistake,) = mistakes(first, DeclaredHost(other, name="wa-2"))
    assert mistake.problem == words


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"USE_LEGACY_SUPABASE": True, "USE_REPOSITORY_PATTERN": True}, "two truths"),
        ({"USE_LEGACY_SUPABASE": False, "USE_REPOSITORY_PATTERN": False}, "No auth state provider"),
        ({"USE_REPOSITORY_PATERN": True}, "did you mean USE_REPOSITORY_PATTERN?"),
        ({"LOG_LEVEL": "loud"}, "must be one of trace"),
        ({"MESSAGE_ECHO": "ja"}, "must be true or false"),
    ],
)
def test_a_flag_that_the_service_would_choke_on_is_refused(
    flags: dict[str, Any], words: str
) -> None:
    """With neither provider the service refuses to start; with a typo it runs on a default."""
    assert any(words in mistake for _, mistake in catalogue().mistakes(flags))


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_examples_say_what_to_fill_in(name: str) -> None:
    """A copied example must never reach a host half filled in."""
    with pytest.raises(MistakesError) as refused:
        load(name)
    text = str(refused.value)
    for variable in ("service_repository", "archive_recipients", "database_app_password"):
        assert variable in text
    assert "no host was contacted" in text


def test_an_unknown_environment_is_a_sentence() -> None:
    """Typing `prodution` at night must not end in a traceback."""
    with pytest.raises(
        OperatorError, match="there are lab, lab-five, lab-several, production, staging"
    ):
        load("prodution")


def test_a_secret_does_not_show_itself() -> None:
    """Logs, tracebacks and JSON are read by more people than the vault."""
    secret = Secret("correct horse")
    assert "horse" not in f"{secret} {secret!r} {[secret]} {secret.to_json()}"
    assert secret.reveal() == "correct horse"


@pytest.mark.parametrize(
    ("environment", "folders"),
    [
        ("lab", ["lab", "all"]),
        ("lab-several", ["lab", "all"]),
        ("production", ["production", "all"]),
    ],
)
def test_settings_are_looked_for_where_ansible_takes_them_from(
    environment: str, folders: list[str]
) -> None:
    """A vault in a folder that nobody looked into would stay locked, its plain text unnoticed."""
    assert [folder.name for folder in variable_folders(environment)] == folders
    assert flags_file(environment).parent.name == folders[0]
