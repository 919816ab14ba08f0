"""What a migration's script must not hold: found in the text, before anything runs."""

from __future__ import annotations

import pytest

from sessionstore.migrations.scripts import objection

BODY = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC"


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("COMMIT;", "COMMIT"),
        ("CREATE TABLE a (b int); commit", "COMMIT"),
        ("begin;", "BEGIN"),
        ("  START   TRANSACTION READ ONLY;", "START TRANSACTION"),
        ("SELECT 1;\n-- comment\nROLLBACK;", "ROLLBACK"),
        ("END;", "END"),
        ("ABORT;", "ABORT"),
        ("SAVEPOINT a;", "SAVEPOINT"),
        ("PREPARE TRANSACTION 'x';", "PREPARE TRANSACTION"),
        ("/* a */ COMMIT;", "COMMIT"),
        ("/* a /* nested */ ; */ COMMIT;", "COMMIT"),
        ("SELECT '/*'; COMMIT; SELECT '*/';", "COMMIT"),
        ("SELECT E'\\''; COMMIT; --'", "COMMIT"),
        ("SELECT $$ $$; COMMIT;", "COMMIT"),
        ("SELECT 'it''s; COMMIT;'", None),
        ("DO $$ BEGIN RAISE NOTICE 'x'; END $$;", None),
        ("CREATE FUNCTION f() AS $body$ BEGIN; COMMIT; END $body$;", None),
        ('CREATE TABLE "a; COMMIT" (b int);', None),
        ("-- COMMIT;\nSELECT 1;", None),
        ("/* ; COMMIT; */ SELECT 1;", None),
        ("SELECT CASE WHEN true THEN 1 END;", None),
        ("CREATE TABLE committed (beginning int);", None),
        ("PREPARE q AS SELECT 1;", None),
        ("SELECT 1;\r\nCOMMIT;\r\n", "COMMIT"),
        ("-- a carriage return ends a comment too\rCOMMIT;", "COMMIT"),
        ("SELECT date'2026-01-01\\'; COMMIT; --'", "COMMIT"),
        ("SELECT 1 AS a$b$; COMMIT; --$b$", "COMMIT"),
        (f"{BODY} SELECT 1; SELECT CASE WHEN true THEN 1 ELSE 2 END; END; SELECT 1;", None),
        (f"{BODY} SELECT 1; END; COMMIT;", "COMMIT"),
        (f"{BODY} SELECT 1; COMMIT;", "COMMIT"),
        ("BEGIN ATOMIC; SELECT 1; END;", "BEGIN"),
    ],
)
def test_transaction_statements(script: str, found: str | None) -> None:
    """A COMMIT in a script silently ends the transaction that verify and record are part of."""
    wrong = objection(script)
    assert (wrong and wrong.what) == (found and f"the script controls transactions itself: {found}")


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("", "no statement"),
        (" \n-- nothing\n/* nothing */ ;\r\n", "no statement"),
        ("CREATE TABLE a (b int); \0 CREATE TABLE c (d int);", "NUL"),
        ("\ufeffSELECT 1", "byte order mark"),
        ("SELECT '\ud800'", "surrogate"),
        ("\\set x 1\nSELECT :x;", "psql"),
        ("SELECT 1 \\gset", "psql"),
        ("COPY a FROM STDIN;\n1\n\\.\n", "client"),
        ("SELECT 1; copy a (b, c)\nto  stdout;", "client"),
        ("COPY a FROM '/a/file/on/the/server';", None),
        ("SELECT E'a\\n', 'C:\\dir', $$ \\d $$ -- \\x", None),
        ("DO $$ BEGIN RAISE EXCEPTION 'this can not be undone'; END $$", None),
    ],
)
def test_what_the_server_would_not_do_as_its_author_meant(script: str, word: str | None) -> None:
    """What follows a NUL never runs; a COPY waits for a client for ever; the rest is psql's."""
    wrong = objection(script)
    assert (wrong is None) if word is None else (wrong is not None and word in wrong.what)
