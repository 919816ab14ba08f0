"""Settings are judged before any host is contacted; every mistake is one sentence with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from rollout.errors import MistakesError, OperatorError
from rollout.flag_catalogue import flag_mistakes
from rollout.inventory import load
from rollout.secret import Secret
from rollout.settings import mistakes_in
from rollout.variable_folders import variable_folders

GOOD: dict[str, Any] = {
    "app_dir": "/opt/ai-admin",
    "service_user": "ai-admin",
    "service_home": "/home/ai-admin",
    "pm2_version": "7.0.4",
    "host_packages": ["nodejs"],
    "log_keep_days": 14,
    "schema_host": "wa-1",
    "database_host": "db.internal",
    "database_port": 5432,
    "database_name": "whatsapp",
    "database_ca_certificate": "PEM",
    "database_owner_user": "whatsapp_owner",
    "database_owner_password": Secret("one"),
    "database_app_user": "whatsapp_app",
    "database_app_password": Secret("two"),
    "database_backup": "pg_dump",
    "database_backup_reason": "",
    "schema_lock_wait_seconds": 30,
    "service_repository": "/srv/git/ai-admin.git",
    "service_revision": "v2.0.0",
    "service_entry": "src/server.js",
    "flags": {"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "true"},
    "flag_overrides": {},
    "service_settings": {},
    "service_secrets": {},
    "service_app": "baileys-whatsapp-service",
    "sibling_apps": {},
    "companies": ["962302"],
    "service_port": 3010,
    "gate_limit_seconds": 90,
    "gate_settle_seconds": 5,
    "gate_connected": "required",
    "kill_timeout_ms": 15000,
    "minimum_free_mb": 200,
    "alarm_command": [],
    "legacy_directories": [],
    "retired_scripts": [],
    "retired_scripts_archive": "archive/old",
    "retired_cron_jobs": [],
    "remove_after_days": 11,
    "archive_directory": "/var/backups/baileys-rollout",
    "archive_recipients": ["age1example"],
    "archive_identity_file": "",
}


@dataclass(frozen=True)
class DeclaredHost:
    """A host as the judge sees it."""

    settings: Mapping[str, Any]
    name: str = "wa-1"
    groups: tuple[str, ...] = field(default=("production", "service"))


def test_complete_settings_have_no_mistake() -> None:
    """A false alarm would stop every rollout."""
    assert mistakes_in("production", [DeclaredHost(GOOD)]) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"remove_after_days": "11"}, "remove_after_days must be a whole number"),
        ({"remove_after_days": -1}, "must be at least 0"),
        ({"kill_timeout_ms": 1600}, "must be at least 10000"),
        ({"app_dir": "opt/ai-admin"}, "must be an absolute path"),
        ({"app_dir": "/"}, "must be an absolute path"),
        ({"database_app_password": "plain"}, "stands in plain text"),
        ({"gate_connected": "maybe"}, "must be one of"),
        ({"database_backup": "provider"}, "must say which backups the provider keeps"),
        ({"service_revisoin": "v2"}, "did you mean service_revision?"),
        ({"schema_host": "db-9"}, "is no host of the group `service`"),
        ({"service_repository": "FILL IN"}, "still says"),
        ({"companies": ["company_962302"]}, "must be the bare id"),
        ({"companies": []}, "is empty"),
        ({"archive_recipients": ["nonsense"]}, "must be an age public key"),
        ({"database_host": "db.example.net"}, "is still the example's"),
        ({"database_app_password": ""}, "is empty"),
        (
            {"legacy_directories": [{"path": "a", "kind": "test", "acknowledge": "yes"}]},
            "must be {reason",
        ),
        (
            {"legacy_directories": [{"path": "../other", "kind": "live"}]},
            "must be a path inside the application directory",
        ),
        (
            {"legacy_directories": [{"path": "a", "kind": "old"}]},
            "kind must be live, backup or test",
        ),
        (
            {"legacy_directories": [{"path": "a", "kind": "test", "acknowledge": {"reason": ""}}]},
            "acknowledge needs a reason",
        ),
        ({"retired_scripts": ["/etc/passwd"]}, "must be a path inside the application directory"),
        (
            {"flags": {"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "false"}},
            "Exactly one",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], words: str) -> None:
    """What slips through here is found by a customer."""
    (mistake,) = mistakes_in("production", [DeclaredHost({**GOOD, **change})])
    assert words in mistake
    assert mistake.startswith(("group_vars/", "inventory/"))


def test_a_missing_setting_says_what_it_is_for() -> None:
    """The operator should not have to read the code to fill it in."""
    missing = {name: value for name, value in GOOD.items() if name != "archive_recipients"}
    (mistake,) = mistakes_in("production", [DeclaredHost(missing)])
    assert "archive_recipients is missing: age public keys" in mistake


def test_one_company_on_two_hosts_is_refused() -> None:
    """Two sockets on one credential throw each other out (DOMAIN.md section 2)."""
    hosts = [DeclaredHost(GOOD), DeclaredHost(GOOD, name="wa-2")]
    (mistake,) = mistakes_in("production", hosts)
    assert "company 962302 is on wa-1 and wa-2" in mistake


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
    assert any(words in mistake for mistake in flag_mistakes(flags))


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
    with pytest.raises(OperatorError, match="there are lab, lab-several, production, staging"):
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
