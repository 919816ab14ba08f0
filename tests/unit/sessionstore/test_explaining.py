"""What would change a decision is said for every file that blocks."""

from __future__ import annotations

import pytest

from sessionstore.disk.holders import Holder
from sessionstore.judgement.activity import FILES, Activity, obstacles
from sessionstore.judgement.directory import BACKUP, LIVE, DirectoryDecision
from sessionstore.judgement.file import EQUAL, OUTCOMES, UNEXPLAINED
from sessionstore.judgement.lineage import ABSENT, ANOTHER, DESCENDS, FILE_AHEAD
from sessionstore.judgement.remedies import FoundFile, of_directory, of_file
from sessionstore.keys.names import KEY_TYPES, Key
from sessionstore.scan.table import CREDS, KEY, UNKNOWN


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (FoundFile(KEY, Key("pre-key", "1"), None, DESCENDS, False, UNEXPLAINED), "nextPreKeyId"),
        (FoundFile(KEY, Key("pre-key", "1"), None, DESCENDS, True, UNEXPLAINED), "never changes"),
        (FoundFile(KEY, Key("session", "1.0"), None, DESCENDS, True, UNEXPLAINED), "counter"),
        (FoundFile(KEY, Key("session", "1.0"), None, ANOTHER, True, UNEXPLAINED), "which pairing"),
        (FoundFile(KEY, Key("session", "1.0"), None, FILE_AHEAD, True, UNEXPLAINED), "who wrote"),
        (FoundFile(KEY, Key("session", "1.0"), None, ABSENT, False, UNEXPLAINED), "importing"),
        (FoundFile(KEY, Key("session", "1.0"), None, None, False, UNEXPLAINED), "creds.json"),
        (FoundFile(KEY, Key("session", "1.0"), "empty", DESCENDS, True, UNEXPLAINED), "(empty)"),
        (FoundFile(UNKNOWN, None, "unknown file", DESCENDS, False, UNEXPLAINED), "moving it out"),
        (FoundFile(UNKNOWN, None, "unknown file", ABSENT, False, UNEXPLAINED), "moving it out"),
        (FoundFile(KEY, Key("session", "1.0"), "empty", ABSENT, False, UNEXPLAINED), "(empty)"),
        (FoundFile(CREDS, None, "not JSON", None, True, UNEXPLAINED), "(not JSON)"),
        (FoundFile(CREDS, None, None, DESCENDS, True, UNEXPLAINED), "saving its credentials"),
        (FoundFile(KEY, Key("pre-key", "1"), None, DESCENDS, True, EQUAL), "nothing needs to"),
    ],
)
def test_the_words_fit_the_case(found: FoundFile, words: str) -> None:
    """An operator who is told the wrong remedy loses a key by following it."""
    assert words in of_file(found)


def test_importing_is_never_the_remedy_for_a_file_that_blocks_an_import() -> None:
    """It would be refused; for a torn one it comes after the mending."""
    unknown = FoundFile(UNKNOWN, None, "unknown file", ABSENT, False, UNEXPLAINED)
    torn = FoundFile(KEY, Key("session", "1.0"), "empty", ABSENT, False, UNEXPLAINED)
    there = FoundFile(CREDS, None, None, ABSENT, True, UNEXPLAINED)
    assert "importing" not in of_file(unknown) and "can't be imported" in of_file(there)
    assert of_file(torn).index("mending") < of_file(torn).index("importing")


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("key_type", KEY_TYPES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_there_are_words_for_every_case(outcome: str, key_type: str, there: bool) -> None:
    """No type and no outcome is left without."""
    assert of_file(FoundFile(KEY, Key(key_type, "1"), None, DESCENDS, there, outcome))


def test_a_directory() -> None:
    """Acknowledging is offered only where it helps."""
    blocked = DirectoryDecision(BACKUP, False, ("x",), True, {}, ())
    assert "acknowledge" in of_directory(blocked)
    live = of_directory(DirectoryDecision(LIVE, False, ("x",), False, {}, ()))
    assert "acknowledge" not in live and "safe in the database" in live
    damaged = of_directory(DirectoryDecision(BACKUP, False, ("x",), False, {}, ()))
    assert "being mended" in damaged and "safe in the database" not in damaged
    assert "proven again" in of_directory(DirectoryDecision(LIVE, True, (), False, {}, ()))


IN_THE_WAY = obstacles(Activity(FILES, (Holder(812, "node", "open file"),)), live=True)
ENDED = ("process 812 (node) ending", "moving to the database")


def test_what_the_service_does_has_to_end_first() -> None:
    """Of a file that is safe nothing else would help; of one that is not, it is said as well."""
    safe = of_file(FoundFile(KEY, Key("pre-key", "1"), None, DESCENDS, True, EQUAL), IN_THE_WAY)
    assert all(words in safe for words in ENDED) and "nothing needs to" not in safe
    lost = FoundFile(KEY, Key("pre-key", "1"), None, DESCENDS, False, UNEXPLAINED)
    assert of_file(lost, IN_THE_WAY).startswith(of_file(lost))
    assert all(words in of_file(lost, IN_THE_WAY) for words in ENDED)


def test_a_directory_where_somebody_is_at_work() -> None:
    """Mending files is no remedy where nothing is wrong with them."""
    reasons = tuple(one.reason for one in IN_THE_WAY)
    alone = of_directory(DirectoryDecision(LIVE, False, reasons, False, {}, ()), IN_THE_WAY)
    assert all(words in alone for words in ENDED) and "safe in the database" not in alone
    more = of_directory(DirectoryDecision(LIVE, False, (*reasons, "x"), False, {}, ()), IN_THE_WAY)
    assert all(words in more for words in (*ENDED, "safe in the database"))
    asked = DirectoryDecision(BACKUP, False, (reasons[0], "x"), True, {}, ())
    assert "acknowledge" in of_directory(asked, IN_THE_WAY[:1])
