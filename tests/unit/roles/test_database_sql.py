"""The SQL that makes roles and database: whatever a password or name holds, it stays text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roles.database.sql import identifier, literal, role_sql


@given(st.text(st.characters(exclude_characters="\x00"), max_size=40))
def test_a_quoted_text_cannot_end_its_quotes(text: str) -> None:
    """A password with a quote in it must neither fail the rollout nor run as SQL."""
    for quoted, mark in ((literal(text), "'"), (identifier(text), '"')):
        inside = quoted[1:-1]
        assert quoted[0] == quoted[-1] == mark
        assert inside.replace(mark * 2, "").count(mark) == 0
        assert inside.replace(mark * 2, mark) == text


def test_a_password_stands_only_in_the_statement_that_sets_it() -> None:
    """The role's creation is logged by some servers; its password must not be in it."""
    create, alter = role_sql("app", "it's").split(";\n")[0], role_sql("app", "it's")
    assert "it''s" not in create
    assert alter.count("it''s") == 1
