"""Editing flags in YAML: one line changes, and Ansible reads exactly what was meant."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import OperatorError
from rollout.flags.yaml_text import TEMPLATE, edited, entries, is_empty

FILE = "group_vars/x/flags.yml"
TEXT = """\
# The truth.
other: [1,2]   # odd spacing, kept
flags:
  # about logs
  LOG_LEVEL:   info    # how much
  MESSAGE_ECHO: "false"
  'QUOTED': 'it''s'

after: {a: 1}
"""
VALUES = st.text(max_size=30).filter(lambda text: not any(mark in text for mark in TEMPLATE))
WRITABLE = VALUES.filter(lambda text: text.encode("utf-8", "ignore").decode() == text)


def test_only_the_value_changes() -> None:
    """The file is the operators' own: their comments, order and spacing stay."""
    assert edited(TEXT, "flags", {"LOG_LEVEL": "debug"}, FILE) == TEXT.replace("info ", "debug ")
    assert edited(TEXT, "flags", {"MESSAGE_ECHO": "true"}, FILE) == TEXT.replace("false", "true")


def test_a_flag_comes_and_goes() -> None:
    """Undoing a toggle of a flag that was not declared brings the file back byte for byte."""
    more = edited(TEXT, "flags", {"RETRIES": "3"}, FILE)
    assert more.splitlines()[7] == '  RETRIES: "3"'
    assert edited(more, "flags", {"RETRIES": None}, FILE) == TEXT
    alone = edited("", "flag_overrides", {"LOG_LEVEL": "debug"}, FILE)
    assert alone == "flag_overrides:\n  LOG_LEVEL: debug\n"
    assert is_empty(edited(alone, "flag_overrides", {"LOG_LEVEL": None}, FILE))
    assert edited("flags: {}\nb: 1\n", "flags", {"A": "x"}, FILE) == "flags:\n  A: x\nb: 1\n"


@given(value=WRITABLE, name=st.sampled_from(["LOG_LEVEL", "MESSAGE_ECHO", "QUOTED", "NEW"]))
def test_any_value_is_read_back_by_another_parser(value: str, name: str) -> None:
    """Ansible reads with PyYAML; what it makes of the line is what counts."""
    text = edited(TEXT, "flags", {name: value}, FILE)
    read, before = yaml.safe_load(text), yaml.safe_load(TEXT)
    found = read["flags"].pop(name)
    before["flags"].pop(name, None)
    assert (str(found).lower() if isinstance(found, bool) else found) == value
    assert read == before
    changed = set(text.splitlines()) ^ set(TEXT.splitlines())
    assert all(line.strip().strip("'").startswith(name) for line in changed)


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("flags:\n  A: 1\n  A: 2\n", {"A": "3"}, "flags.yml:3: A stands here twice"),
        ("flags:\n  A: 1\nflags:\n  B: 2\n", {"A": "3"}, "flags stands twice"),
        ("flags:\n  A: !vault |\n    x\n", {"A": "3"}, "A is no plain value"),
        ("flags:\n  A: '{{ b }}'\n", {"A": "3"}, "A is no plain value"),
        ("flags: [A]\n", {"A": "3"}, "no mapping"),
        ("flags: {B: 1}\n", {"A": "3"}, "written in one line"),
        ("flags:\n A: [\n", {"A": "3"}, "is no YAML"),
        ("- flags\n", {"A": "3"}, "holds no variables"),
        ("", {"A": "{{ b }}"}, "for a template"),
    ],
)
def test_what_would_be_a_guess_is_left_to_the_operator(
    text: str, changes: dict[str, str | None], words: str
) -> None:
    """A wrong edit of the truth reaches every host with the next rollout."""
    with pytest.raises(OperatorError) as refused:
        edited(text, "flags", changes, FILE)
    assert words in str(refused.value)


def test_every_entry_has_its_line() -> None:
    """An error that names the line is mended at once."""
    assert {name: entry.line for name, entry in entries(TEXT, "flags", FILE).items()} == {
        "LOG_LEVEL": 5,
        "MESSAGE_ECHO": 6,
        "QUOTED": 7,
    }
