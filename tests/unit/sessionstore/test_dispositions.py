"""Dispositions: one row a rule."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sessionstore.judgement.facts import Company, File, PreKeys, Row
from sessionstore.judgement.file import EXPLAINED, NEWER, UNEXPLAINED, judge
from sessionstore.judgement.lineage import ABSENT, ANOTHER, DESCENDS, FILE_AHEAD, SAME, Verdict
from sessionstore.keys.credentials import Clocks
from sessionstore.keys.names import KEY_TYPES, Key
from sessionstore.keys.values import Value

BEFORE, AFTER = Clocks(31, 31, 2), Clocks(61, 61, 2)
OLD_ID, NEW_ID = b"o" * 33, b"n" * 33
DAY = 86_400


def session(identity: bytes = OLD_ID, counter: int = 4, **index: Any) -> dict[str, Value]:
    """A session record with one chain; it began at second 40 unless said otherwise."""
    entry: dict[str, Value] = {
        "indexInfo": {
            "closed": -1,
            "used": 40_000 + counter,
            "created": 40_000,
            "remoteIdentityKey": base64.b64encode(identity).decode(),
            **index,
        },
        "_chains": {
            "c": {"chainKey": {"counter": counter, "key": "k"}, "chainType": 2, "messageKeys": {}}
        },
    }
    return {"_sessions": {f"base of {identity!r}": entry}, "version": "v1"}


# What the database holds: 99 moved on to its LID 88, 77 has a new identity, 66 to a LID behind it.
ROWS: dict[Key, Value] = {
    Key("session", "88_1.3"): session(counter=9),
    Key("session", "55_1.0"): session(counter=2),
    Key("session", "33_129.99"): session(counter=9),
    Key("identity-key", "77.0"): NEW_ID,
    Key("session", "77.0"): session(NEW_ID, created=60_000, used=60_000),
    Key("identity-key", "44.0"): NEW_ID,
    Key("session", "44.0"): session(NEW_ID, created=30_000, used=60_000),
    Key("identity-key", "22.0"): OLD_ID,
    Key("lid-mapping", "2_reverse"): "9",
    Key("device-list", "11"): ["0", "2"],
    Key("identity-key", "13.0"): NEW_ID,
}
# And the files: 11 had a device more, 13's session is with the identity that its row has as well.
FILES: dict[Key, Value] = {
    Key("identity-key", "77.0"): OLD_ID,
    Key("identity-key", "22.0"): OLD_ID,
    Key("identity-key", "13.0"): NEW_ID,
    Key("device-list", "11"): ["0", "2", "3"],
}


def company(relation: str = DESCENDS, **changes: Any) -> Company:
    """A company whose database moved on; imported at second 100."""
    facts: dict[str, Any] = {
        "verdict": Verdict(relation, f"lineage is {relation}"),
        "file_clocks": BEFORE,
        "database_clocks": AFTER,
        "imported_at": 100.0,
        "now": 100.0 * DAY,
        "lid_of": {"99": "88", "66": "55", "34": "33"}.get,
        "paired_at": 10.0,
        "value_of": ROWS.get,
        "file_of": FILES.get,
        "pre_keys": lambda: PreKeys(3, 3),
    }
    return Company(**{**facts, **changes})


def file(
    key_type: str,
    key_id: str,
    value: Any = None,
    written_at: float = 50.0,
    imported: bool | None = None,
) -> File:
    """A file that does not equal its row."""
    name = f"{key_type}-{key_id}.json"
    return File(name, Key(key_type, key_id), value, written_at, imported)


def row(value: Any = None, updated_at: float | None = 200.0) -> Row:
    """A row written after the import."""
    return Row(value, updated_at)


def token(seconds: int | None, sender: int | None = None, data: bytes = b"t") -> dict[str, Value]:
    """A trusted-contact token."""
    times: dict[str, Value] = {"timestamp": str(seconds)} if seconds is not None else {}
    return {"token": data, **times, **({"senderTimestamp": sender} if sender is not None else {})}


PRE, SYNC, ID = "pre-key", "app-state-sync-key", "identity-key"
VERSION, MEMORY, LIST = "app-state-sync-version", "sender-key-memory", "device-list"
FORWARD = ({"version": 1}, {"version": 2})
NEVER_UPLOADED = company(file_clocks=Clocks(45, 31, 2), database_clocks=Clocks(61, 40, 2))
NOTHING: dict[str, list[Value]] = {
    "lid-mapping": [None, "", 0, {}],
    LIST: [None, "", 0, {}, [], [1]],
    MEMORY: [None, "", 0, []],
    "tctoken": [None, "", 0, {}, []],
}
WASM, WASM_LATER = bytes(range(128)), bytes(range(1, 129))
DIFFER = [
    ("pre-key", file(PRE, "7", 1), row(2), company(), UNEXPLAINED, "never changes"),
    ("app-state key", file(SYNC, "AAAA", 1), row(2), company(), UNEXPLAINED, "never changes"),
    ("identity", file(ID, "99.0", OLD_ID), row(NEW_ID), company(), UNEXPLAINED, "never changes"),
    ("identity, new session", file(ID, "77.0", OLD_ID), row(NEW_ID), company(), NEWER, "since"),
    ("identity, old session", file(ID, "44.0", OLD_ID), row(NEW_ID), company(), UNEXPLAINED, ""),
    ("identity, session as old as the file", file(ID, "77.0", OLD_ID, 60.0), row(NEW_ID), company(),
     UNEXPLAINED, "never changes"),
    ("identity, no bytes", file(ID, "77.0", OLD_ID), row("text"), company(), UNEXPLAINED, ""),
    ("identity, others'", file(ID, "77.0", OLD_ID), row(b"x" * 33), company(), UNEXPLAINED, ""),
    ("session ahead", file("session", "9.0", session()), row(session(counter=5)), company(),
     NEWER, "from 4 to 5"),
    ("session behind", file("session", "9.0", session()), row(session(counter=3)), company(),
     UNEXPLAINED, ""),
    ("session, no form", file("session", "99.3", {}), row({}), company(), UNEXPLAINED, "form"),
    ("version ahead", file(VERSION, "regular", FORWARD[0]), row(FORWARD[1]), company(), NEWER, ""),
    *(
        (f"version ahead, {what}", file(VERSION, "regular", {**FORWARD[0], "hash": mine}),
         row({**FORWARD[1], "hash": theirs, "indexValueMap": entries}), company(), outcome, words)
        for what, mine, theirs, entries, outcome, words in (
            ("a hash", WASM, WASM_LATER, {"a": b"b"}, NEWER, ""),
            ("a hash wiped", WASM, bytes(128), {"a": b"b"}, UNEXPLAINED, "hash"),
            ("a hash and its entries wiped", WASM, bytes(128), {}, UNEXPLAINED, "hash"),
            ("entries without a hash", bytes(128), bytes(128), {"a": b"b"}, UNEXPLAINED, "hash"),
            ("still empty", bytes(128), bytes(128), {}, NEWER, ""),
            ("a byte", WASM, b"h", {"a": b"b"}, UNEXPLAINED, "hash"),
        )
    ),
    ("version behind", file(VERSION, "regular", FORWARD[1]), row(FORWARD[0]), company(),
     UNEXPLAINED, ""),
    ("token later", file("tctoken", "1@lid", token(5)), row(token(6)), company(), NEWER, "5 to 6"),
    ("token behind", file("tctoken", "1@lid", token(6)), row(token(5)), company(), UNEXPLAINED, ""),
    ("token emptied", file("tctoken", "1@lid", token(5, 9)), row(token(None, 9, b"")), company(),
     NEWER, "expired"),
    ("token emptied early", file("tctoken", "1@lid", token(99 * DAY, 9)),
     row(token(None, 9, b"")), company(), UNEXPLAINED, ""),
    ("token, sent since", file("tctoken", "1@lid", token(5, 7)), row(token(5, 8)), company(),
     NEWER, "senderTimestamp"),
    ("token, same times", file("tctoken", "1@lid", token(5)), row(token(5, data=b"x")), company(),
     UNEXPLAINED, "no time"),
    ("token index", file("tctoken", "__index", ["a"]), row(["b"]), company(), NEWER, "later"),
    ("list later", file(LIST, "99", ["0"]), row(["0", "1"]), company(), NEWER, "later"),
    ("list not later", file(LIST, "99", ["0"]), row([], 100.0), company(), UNEXPLAINED, ""),
    ("list, file later", file(LIST, "99", [], 300.0), row(["0"]), company(), UNEXPLAINED, ""),
    ("list, no time zone", file(LIST, "99", []), row(["0"], None), company(), UNEXPLAINED, "zone"),
    ("list as imported", file(LIST, "99", [], 900.0, True), row(["0"]), company(), NEWER,
     "what was imported"),
    ("list as imported, row old", file(LIST, "99", [], 50.0, True), row(["0"], 90.0), company(),
     UNEXPLAINED, ""),
    ("list as imported, row of that instant", file(LIST, "99", [], 50.0, True), row(["0"], 100.0),
     company(), UNEXPLAINED, ""),
    ("list, row of the file's instant", file(LIST, "99", [], 200.0), row(["0"]), company(),
     UNEXPLAINED, ""),
    ("list written since", file(LIST, "99", [], 50.0, False), row(["0"]), company(), UNEXPLAINED,
     "somebody wrote it"),
    ("no import", file(LIST, "99", []), row(["0"]), company(imported_at=None), NEWER, "later"),
    ("list, file of before the pairing", file(LIST, "99", [], 9.0), row(["0"]), company(),
     UNEXPLAINED, "before the pairing"),
    ("list as imported, file of before the pairing", file(LIST, "99", [], 9.0, True), row(["0"]),
     company(), NEWER, ""),
    ("mapping, same clocks", file("lid-mapping", "9", "1"), row("2"), company(SAME), NEWER, ""),
    ("mapping, one way only", file("lid-mapping", "8", "1"), row("2"), company(), UNEXPLAINED,
     "none that Baileys writes"),
    ("memory later", file(MEMORY, "1@g.us", {}), row({"a": True}), company(), NEWER, ""),
    *(
        (f"{key_type} {value!r}", file(key_type, key_id, "x"), row(value), company(), UNEXPLAINED,
         "none that Baileys writes")
        for key_type, key_id in (("lid-mapping", "9"), (LIST, "99"), (MEMORY, "1@g.us"),
                                 ("tctoken", "__index"))
        for value in NOTHING[key_type]
    ),
    ("WASM session, as imported", file("session", "9.0", WASM, 900.0, True), row(WASM_LATER),
     company(), NEWER, "what was imported"),
    ("WASM session, not imported", file("session", "9.0", WASM), row(WASM_LATER), company(),
     UNEXPLAINED, "no import recorded it"),
    ("WASM session, written since", file("session", "9.0", WASM, 50.0, False), row(WASM_LATER),
     company(), UNEXPLAINED, "somebody wrote it"),
    ("WASM session, row not written", file("session", "9.0", WASM, 50.0, True),
     row(WASM_LATER, 90.0), company(), UNEXPLAINED, "not written later"),
    ("WASM session, nothing there", file("session", "9.0", WASM, 50.0, True), row(b"x"), company(),
     UNEXPLAINED, "holds nothing"),
    ("WASM session of another", file("session", "22.0", WASM + OLD_ID, 50.0, True), row(WASM_LATER),
     company(), UNEXPLAINED, "not the contact's"),
    ("WASM session of the contact", file("session", "22.0", WASM + OLD_ID, 50.0, True),
     row(WASM_LATER + OLD_ID), company(), NEWER, ""),
    ("WASM sender key", file("sender-key", "1@g.us::2::0", WASM, 50.0, True), row(WASM_LATER),
     company(), NEWER, ""),
    ("JSON session, row WASM", file("session", "9.0", session(), 50.0, True), row(WASM_LATER),
     company(), UNEXPLAINED, "form"),
    ("session, another identity", file("session", "9.0", session()),
     row(session(NEW_ID, created=60_000, used=60_000)), company(), UNEXPLAINED, "identity"),
    ("session, the contact's new identity", file("session", "77.0", session()),
     row(session(NEW_ID, created=60_000, used=60_000)), company(), NEWER, "took the place"),
    ("another identity", file(LIST, "99", 1), row(2), company(ANOTHER), UNEXPLAINED, "lineage"),
    ("file ahead", file(LIST, "99", 1), row(2), company(FILE_AHEAD), UNEXPLAINED, "lineage"),
]  # fmt: skip
LACK = [
    ("pre-key consumed", file(PRE, "7"), company(), EXPLAINED, "from 31 to 61"),
    ("pre-keys, one more than contacts used", file(PRE, "7"),
     company(pre_keys=lambda: PreKeys(4, 3)), UNEXPLAINED, "opened only 3"),
    ("pre-key made since", file(PRE, "31"), company(), UNEXPLAINED, "made after"),
    ("pre-key not imported", file(PRE, "7", imported=False), company(), UNEXPLAINED, "written since"),
    ("session, device removed", file("session", "11.3", session()), company(), EXPLAINED, "removed"),
    ("session, device still there", file("session", "11.2", session()), company(), UNEXPLAINED, ""),
    ("session, device never listed", file("session", "11.4", session()), company(), UNEXPLAINED, ""),
    ("session, first device", file("session", "11.0", session()), company(), UNEXPLAINED, ""),
    ("session, identity was that before", file("session", "13.0", session()), company(),
     UNEXPLAINED, ""),
    ("pre-key, clocks equal", file(PRE, "7"), company(database_clocks=BEFORE), UNEXPLAINED, ""),
    ("pre-key never uploaded", file(PRE, "40"), NEVER_UPLOADED, UNEXPLAINED, "handed out"),
    ("pre-key, no clocks", file(PRE, "7"), company(file_clocks=None), UNEXPLAINED, "clocks"),
    ("pre-key, file ahead", file(PRE, "7"), company(FILE_AHEAD), UNEXPLAINED, "lineage"),
    ("pre-key, no company", file(PRE, "7"), company(ABSENT), UNEXPLAINED, "lineage"),
    ("session to LID", file("session", "99.3", session()), company(), EXPLAINED, "88_1.3"),
    ("session to LID, same", file("session", "99.3", session(counter=9)), company(), EXPLAINED, ""),
    ("session hosted", file("session", "34_128.99", session()), company(), EXPLAINED, "33_129.99"),
    ("session, LID behind", file("session", "66.0", session()), company(), UNEXPLAINED, "go on"),
    ("session, other device", file("session", "99.4", session()), company(), UNEXPLAINED, "LID"),
    ("session without LID", file("session", "70.3", session()), company(), UNEXPLAINED, "LID"),
    ("session of a LID", file("session", "99_1.3", session()), company(), UNEXPLAINED, "LID"),
    ("session, new identity", file("session", "77.0", session()), company(), EXPLAINED, "identity"),
    ("session, same identity", file("session", "22.0", session()), company(), UNEXPLAINED, ""),
    ("session, unknown form", file("session", "77.0", {}), company(), UNEXPLAINED, ""),
    ("memory of a group", file(MEMORY, "1@g.us", {}), company(), EXPLAINED, "asked for again"),
    ("memory, same clocks", file(MEMORY, "1@g.us", {}), company(SAME), UNEXPLAINED, "clocks"),
    ("memory of a contact", file(MEMORY, "1:2@lid", {}), company(), UNEXPLAINED, "groups"),
    ("token expired", file("tctoken", "1@lid", token(5, 9)), company(), EXPLAINED, "pruned"),
    ("token sent lately", file("tctoken", "1@lid", token(5, 99 * DAY)), company(), UNEXPLAINED, ""),
    ("token without times", file("tctoken", "1@lid", token(None)), company(), UNEXPLAINED, ""),
    ("token index", file("tctoken", "__index", token(5)), company(), UNEXPLAINED, ""),
    *(
        (what, file(what, key_id), company(), UNEXPLAINED, f"missing {what}")
        for what, key_id in ((SYNC, "AAAA"), (ID, "99.0"), ("sender-key", "1@g.us::2::0"),
                             (VERSION, "regular"), (LIST, "99"), ("lid-mapping", "99"))
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "row", "company", "outcome", "words"),
    [case[1:] for case in DIFFER],
    ids=[case[0] for case in DIFFER],
)
def test_a_file_that_differs_from_its_row(
    file: File, row: Row, company: Company, outcome: str, words: str
) -> None:
    """Newer only by evidence of its type; whatever no rule explains is unexplained."""
    disposition = judge(file, row, company)
    assert disposition.outcome == outcome, disposition.reason
    assert words in disposition.reason and disposition.reason


@pytest.mark.parametrize(
    ("file", "company", "outcome", "words"),
    [case[1:] for case in LACK],
    ids=[case[0] for case in LACK],
)
def test_a_file_without_a_row(file: File, company: Company, outcome: str, words: str) -> None:
    """Only what Baileys itself deletes is explained, and only by evidence."""
    disposition = judge(file, None, company)
    assert disposition.outcome == outcome, disposition.reason
    assert words in disposition.reason and disposition.reason


def test_every_type_is_judged_in_both_tables() -> None:
    """A type that a library upgrade brings must not be excused by a default."""
    assert {case[1].key.key_type for case in DIFFER} | {"sender-key"} == set(KEY_TYPES)
    assert {case[1].key.key_type for case in LACK} == set(KEY_TYPES)


CREDS: dict[str, Value] = {"account": {"details": b"d"}, "me": {"id": "1", "lid": "2"}}


@pytest.mark.parametrize(
    ("relation", "updated_at", "imported", "outcome"),
    [
        (DESCENDS, 0.0, None, NEWER),
        (DESCENDS, None, True, NEWER),
        (DESCENDS, 200.0, False, UNEXPLAINED),
        (SAME, 200.0, None, NEWER),
        (SAME, 200.0, True, NEWER),
        (SAME, 200.0, False, UNEXPLAINED),
        (SAME, 90.0, None, UNEXPLAINED),
        (SAME, None, None, UNEXPLAINED),
        (FILE_AHEAD, 200.0, None, UNEXPLAINED),
        (ANOTHER, 200.0, None, UNEXPLAINED),
    ],
)
def test_credentials_that_differ(
    relation: str, updated_at: float | None, imported: bool | None, outcome: str
) -> None:
    """Clocks first; with equal clocks the time of writing."""
    creds_file = file("creds", "", CREDS, 50.0, imported)
    found = judge(creds_file, row({**CREDS, "routingInfo": b"r"}, updated_at), company(relation))
    assert found.outcome == outcome and found.reason
