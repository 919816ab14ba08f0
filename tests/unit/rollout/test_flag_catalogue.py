"""The catalogue of flags: entries that users add are judged as strictly as the values they declare."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rollout.errors import OperatorError
from rollout.secret import MASK, Secret
from rollout.settings.catalogue import Catalogue, catalogue, displayed, read_catalogue

ENTRY: dict[str, Any] = {
    "type": "boolean",
    "default": False,
    "changes": "behaviour",
    "owner": "platform",
    "help": "Does something.",
}
ENTRIES: dict[str, dict[str, Any]] = {
    "ON": ENTRY,
    "ONE_OR_ZERO": {**ENTRY, "written": ["1", "0"]},
    "RETRIES": {**ENTRY, "type": "integer", "default": 3, "minimum": 0, "maximum": 9},
    "LEVEL": {**ENTRY, "type": "enumeration", "values": ["low", "high"], "default": "low"},
    "GREETING": {**ENTRY, "type": "string", "default": "", "pattern": r"[^\n]*"},
    "HOOK": {**ENTRY, "type": "url", "default": "https://a.internal/", "schemes": ["https"]},
    "PAUSE": {**ENTRY, "type": "duration", "default": "30s", "minimum": "1s", "maximum": "1h"},
}
BOOLEANS = {"true": ["true", "yes", "on", "1"], "false": ["false", "no", "off", "0"]}


def made(rules: list[Any] | None = None, **entries: Any) -> Catalogue:
    """A catalogue of some entries, as its file would hold it."""
    data = {"flags": entries or ENTRIES, "booleans": BOOLEANS, "rules": rules or []}
    return read_catalogue(yaml.safe_dump(data, sort_keys=False))


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("ON", True, "true"),
        ("ON", "yes", "true"),
        ("ON", 1, "true"),
        ("ON", "OFF", "false"),
        ("ONE_OR_ZERO", True, "1"),
        ("ONE_OR_ZERO", "false", "0"),
        ("RETRIES", "7", "7"),
        ("RETRIES", 0, "0"),
        ("LEVEL", "high", "high"),
        ("GREETING", 'say "hi" # to 🙂 = all', 'say "hi" # to 🙂 = all'),
        ("HOOK", "https://b.internal:8443/x?y=z", "https://b.internal:8443/x?y=z"),
        ("PAUSE", "90s", "90s"),
    ],
)
def test_a_value_is_spelled_as_the_catalogue_says(name: str, value: Any, spelled: str) -> None:
    """The service compares texts: `yes` where it wants `true` is off, silently."""
    assert list(made().mistakes({name: value})) == []
    assert made().completed({name: value})[name] == spelled


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ON", "ja", "must be true or false"),
        ("ON", None, "must be one value"),
        ("ON", [True], "must be one value"),
        ("RETRIES", True, "must be a whole number"),
        ("RETRIES", "3.5", "must be a whole number"),
        ("RETRIES", 10, "must be at most 9"),
        ("LEVEL", "HIGH", "must be one of low, high"),
        ("GREETING", "two\nlines", "must match"),
        ("GREETING", "x" * 70_000, "at most 64 KiB"),
        ("HOOK", "http://a.internal/", "https://"),
        ("HOOK", "https://", "https://"),
        ("HOOK", "https://a b/", "https://"),
        ("PAUSE", "30", "number and its unit"),
        ("PAUSE", "500ms", "at least 1s"),
        ("PAUS", "30s", "did you mean PAUSE?"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, words: str) -> None:
    """The service would take it for something else, at night, on every host."""
    ((flag, mistake),) = made().mistakes({name: value})
    assert flag == name and mistake.startswith(f"flag {name} ") and words in mistake
    assert len(mistake) < 200


def test_what_is_not_declared_has_the_catalogues_value() -> None:
    """An environment that forgot a flag must not keep what somebody once wrote into its .env."""
    assert made().completed({"LEVEL": "high"}) == {
        "ON": "false",
        "ONE_OR_ZERO": "0",
        "RETRIES": "3",
        "LEVEL": "high",
        "GREETING": "",
        "HOOK": "https://a.internal/",
        "PAUSE": "30s",
    }


def test_a_flag_from_the_vault_stays_masked() -> None:
    """A refused secret must not stand in a terminal, nor an accepted one in a plan."""
    known = made(KEY={**ENTRY, "type": "string", "default": "", "pattern": "[a-z]*"})
    assert displayed(known.completed({"KEY": Secret("hunter")})["KEY"]) == MASK
    ((_, mistake),) = known.mistakes({"KEY": Secret("HUNTER2")})
    assert "HUNTER2" not in mistake


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "bool"}, "ON needs a type: one of boolean, integer"),
        ({"default": "maybe"}, "ON has a default that must be true or false"),
        ({"changes": "everything"}, "must say what it `changes`"),
        ({"owner": ""}, "ON needs owner"),
        ({"help": None}, "ON needs help"),
        ({"minimum": 3}, "has minimum, which a flag of type boolean does not know"),
        ({"written": [1, 0]}, "put them in quotes"),
        ({"type": "enumeration"}, "ON needs values"),
        ({"type": "duration", "default": "3s", "minimum": 5}, "which is no duration"),
        ({"type": "string", "default": "", "pattern": "["}, "no regular expression"),
    ],
)
def test_a_wrong_entry_is_named(changes: dict[str, Any], words: str) -> None:
    """A user's entry with a mistake would judge every environment wrongly."""
    with pytest.raises(OperatorError) as refused:
        made(ON={**ENTRY, **changes})
    assert words in str(refused.value)


def test_a_behaviour_flag_needs_a_default() -> None:
    """Undoing the first toggle of a flag means its default; without one there is no way back."""
    entry = {name: value for name, value in ENTRY.items() if name != "default"}
    with pytest.raises(OperatorError, match="needs a default"):
        made(ON=entry)
    assert made(ON={**entry, "changes": "data"}).completed({}) == {}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"exactly_one": ["ON", "OFF"], "message": "x"}, "names OFF, which is no flag"),
        ({"exactly_one": ["ON", "LEVEL"], "message": "x"}, "names LEVEL, which is no boolean"),
        ({"never": {"ON": True, "LEVEL": "HIGH"}, "message": "x"}, "LEVEL must be one of"),
        ({"never": {"ON": True, "LEVEL": "high"}}, "needs a message"),
        ({"sometimes": ["ON"]}, "must be one of exactly_one"),
    ],
)
def test_a_wrong_rule_is_named(rule: dict[str, Any], words: str) -> None:
    """A rule about a mistyped name never fires."""
    with pytest.raises(OperatorError) as refused:
        made([rule], **ENTRIES)
    assert words in str(refused.value)


def test_rules_are_about_what_the_service_will_see() -> None:
    """`yes` and 1 are true as well, and an undeclared flag has its default."""
    rules = [{"never": {"ONE_OR_ZERO": True, "LEVEL": "low"}, "message": "Low takes no one."}]
    known = made(rules, **ENTRIES)
    assert list(known.mistakes({"ONE_OR_ZERO": "yes"})) == [
        ("", "ONE_OR_ZERO=1 and LEVEL=low: Low takes no one.")
    ]
    assert list(known.mistakes({"ONE_OR_ZERO": "yes", "LEVEL": "high"})) == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"USE_REPOSITORY_PATTERN": False}, "none of USE_LEGACY_SUPABASE"),
        ({"USE_LEGACY_SUPABASE": True}, "two truths"),
        ({"USE_DATABASE_AUTH_STATE": False}, "old session files again"),
    ],
)
def test_the_projects_own_rules(flags: dict[str, Any], words: str) -> None:
    """Each of these is a service that does not start, or one that sets ratchets back."""
    ((_, mistake),) = catalogue().mistakes(flags)
    assert words in mistake
    assert list(catalogue().mistakes({"USE_DATABASE_AUTH_STATE": True})) == []
