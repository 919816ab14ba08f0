"""Settings of a service host without a mistake, and values that each type must refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from rollout.secret import Secret
from rollout.settings.kinds import described
from rollout.settings.mistakes import known_variables

# An authority of nobody, made with `openssl req -x509`.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUKRlDnwI9YwybFeMbW8NX1wrQgz0wCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRZXhhbXBsZSBhdXRob3JpdHkwIBcNMjYxMTIyMTczMTQ2WhgP
MjEyNjEwMjkxNzMxNDZaMBwxGjAYBgNVBAMMEWV4YW1wbGUgYXV0aG9yaXR5MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXBsBu4uh4XWxqFGqJX6CkJuc8Khx7CFR
UJtvDakqVsdqhC9N7qIkjDkM3FdeHnRB9u20a9Je65G9PKMPIWgYoaNTMFEwHQYD
VR0OBBYEFLwzQmQsLGpFntrEtzifmsYEaXPcMB8GA1UdIwQYMBaAFLwzQmQsLGpF
ntrEtzifmsYEaXPcMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg
ffycoLgUjC0txmucf6jJeqlhGSwsn1tjxminWIWLwbYCIQD7RLiLa7wyzIDbT+FQ
tHB20EgiuE3Yact1OmHd2DI+dg==
-----END CERTIFICATE-----
"""
RECIPIENT = "age15g63e5tlaarlcvfxkfhvj8n2wlvl7uqsjg6fjt72ljxrduvwl3ysgn9v3j"
# What has no default, or one that needs Ansible to template it.
GIVEN: dict[str, Any] = {
    "service_home": "/home/ai-admin",
    "service_kind": "lab",
    "service_description": described({"service_kind": "lab"}),
    "schema_host": "wa-1",
    "database_host": "db.internal",
    "database_ca_certificate": CERTIFICATE,
    "database_owner_password": Secret("one"),
    "database_app_password": Secret("two"),
    "service_repository": "/srv/git/ai-admin.git",
    "service_revision": "v2.0.0",
    "flags": {"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "true"},
    "companies": ["962302"],
    "archive_recipients": [RECIPIENT],
}
GOOD: dict[str, Any] = {
    **{name: spec["default"] for name, spec in known_variables().items() if "default" in spec},
    **GIVEN,
}


@dataclass(frozen=True)
class DeclaredHost:
    """A host as the judge sees it."""

    settings: Mapping[str, Any]
    name: str = "wa-1"
    groups: tuple[str, ...] = field(default=("production", "service"))


NUMBERS = st.integers(-9, 99_999_999) | st.floats(-1, 1).map(lambda number: round(number, 3))
SCALARS = st.none() | st.booleans() | NUMBERS
LISTS = st.lists(NUMBERS, min_size=1, max_size=3, unique=True)
MAPPINGS = st.dictionaries(st.sampled_from(["a-b", "c d"]), NUMBERS, min_size=1)
NO_TEXT = SCALARS | LISTS | MAPPINGS
# Values of the right kind that the type must refuse all the same, none of which Ansible would template.
MALFORMED: dict[str, list[Any]] = {
    "text": ["two\nlines", "   "],
    "name": ["", "-x", "a b", "a/b", "x" * 64],
    "user name": ["root", "Admin", "a b", "x" * 40, ""],
    "secret": ["in plain text", ""],
    "one of": ["maybe", ""],
    "absolute path": ["opt/ai", "/", "/opt/../etc", "/opt/a b", "/opt/x;reboot", "/opt/"],
    "relative path": ["/etc/passwd", "../other", "a/../../b", "", ".", "a//b"],
    "file here": ["identity.txt", "identity"],
    "host address": ["-db", "db host", "256.1.1.1", "db_1", "http://db"],
    "listen address": ["-db", "any host", "256.1.1.1"],
    "certificate": ["PEM", CERTIFICATE.replace("MII", "MIX"), "-----BEGIN CERTIFICATE-----"],
    "git address": ["", "--upload-pack=x", "a b"],
    "git revision": ["", "-x", "a b", "v1..v2", "HEAD~1"],
    "service kind": ["LAB", "a service", ""],
    "mapping of fields": [["signals"], "signals"],
    "version": ["7", "latest", "^7.0.4", "7.0.4; reboot"],
    "list of text": [[""], ["ok ok", "two\nlines"], "ok ok", ["same", "same"]],
    "list of package names": [["Node JS"], ["--purge"], "nodejs", []],
    "list of company ids": [["company_962302"], [962302], [""], "962302"],
    "list of age recipients": [
        ["nonsense"],
        [RECIPIENT.replace("age15", "age17")],
        [RECIPIENT, RECIPIENT],
        RECIPIENT,
    ],
    "list of networks": [["192.168.1.1"], ["192.168.1.5/24"], ["any"], "10.0.0.0/8"],
    "list of relative paths": [["/etc/passwd"], ["a", "a"], ["../a"], "scripts/a.js"],
    "list of directories": [
        [{"path": "../other", "kind": "live"}],
        [{"path": "/etc", "kind": "backup"}],
        [{"path": "a", "kind": "old"}],
        [{"path": "a", "kind": "live", "keep": True}],
        [{"path": "a", "kind": "test", "acknowledge": "yes"}],
        [{"path": "a", "kind": "live", "companies": ["1"]}],
        [{"path": "a", "kind": "live", "companies": {"../b": "1"}}],
        [{"path": "a", "kind": "live", "companies": {"b": "company_1"}}],
        [{"path": "a", "kind": "live", "litter": "Thumbs.db"}],
        [{"path": "a", "kind": "test", "acknowledge": {"reason": ""}}],
        [{"path": "a", "kind": "test", "acknowledge": {"reason": "x", "identities": "no"}}],
        [{"path": "a", "kind": "test", "acknowledge": {"reason": "x", "identities": 1}}],
        ["baileys_sessions"],
    ],
    "flags": ["USE_REPOSITORY_PATTERN", ["LOG_LEVEL"]],
    "mapping of settings": [{"a b": "x"}, {"A": [1]}, {"A": "two\nlines"}, "A=1"],
    "mapping of booleans": [
        {"FLAG": "TRUE OR FALSE"},
        {"a b": True},
        {"FLAG": [1]},
        {"FLAG": 1},
        "FLAG",
    ],
    "mapping of acknowledged checks": [
        {"test_each_company_has_its_keys": "we know"},
        {"test_no_ratchet_went_back": "we know"},
        {"test_it": "we know"},
        {"test_status_is_on_loopback_only": ""},
        "test_status_is_on_loopback_only",
    ],
    "mapping of secrets": [{"TOKEN": "in plain text"}, {"TOKEN": 5}, "TOKEN"],
    "mapping of relative paths": [{"api": "/bin/sh"}, {"a b": "x.js"}, {"api": 5}, "api"],
}


def wrong_values(name: str) -> st.SearchStrategy[Any]:
    """Values that a variable must not take: of another type, malformed, or out of its range."""
    spec = known_variables()[name]
    kind = str(spec["type"])
    if kind == "whole number":
        outside = st.integers(max_value=spec["minimum"] - 1) | st.integers(spec["maximum"] + 1)
        bounded = outside.filter(lambda number: abs(number) < 10**12)
        return bounded | st.sampled_from(["", "11", True, None, 1.5, [3]])
    malformed = st.sampled_from(MALFORMED[kind])
    if spec.get("default") == "":
        malformed = malformed.filter(lambda value: value != "")
    if kind.startswith("list"):
        return malformed | SCALARS | MAPPINGS
    if kind.startswith(("mapping", "flags")):
        return malformed | SCALARS | LISTS
    return malformed | NO_TEXT
