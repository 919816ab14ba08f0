"""What must not be taken for safe: each state blocks, its key named, whoever asks."""

from __future__ import annotations

import base64
import hmac
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionstore.archive import create
from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory
from sessionstore.keys.names import Key, encode
from sessionstore.removal import comparison
from sessionstore.scan.session_file import Reading, read_session_file

from .commands import run
from .rows import clocks, drop, put
from .session_files import COMPANY, buffer, dump, pair, sender_key, session, write_company

ACCOUNT = {"details": buffer(80), "accountSignature": buffer(81, 64)}
CREDS: dict[str, Any] = {"account": ACCOUNT, "signalIdentities": [{"identifierKey": buffer(82)}]}
OF_A, OF_B = (base64.b64encode(b"\x05" + letter * 32).decode() for letter in (b"A", b"B"))
ADDRESS, STRANGERS = "15557770000.0", 3
GROUP_KEY = "120363000000000001@g.us::15550002222::0"


def text(number: int) -> str:
    """A made-up secret of 32 bytes, all different."""
    return base64.b64encode(bytes((number + place) % 256 for place in range(32))).decode()


def ratchet(steps: int = 0, identity: str = OF_A, **index: Any) -> dict[str, Any]:
    """A session as libsignal keeps it, its receiving chain stepped on as libsignal does."""
    key = base64.b64decode(text(1))
    for _ in range(steps):
        key = hmac.digest(key, b"\x02", "sha256")
    entry: dict[str, Any] = {
        "registrationId": 12,
        "currentRatchet": {
            "ephemeralKeyPair": {"pubKey": "BQ" + text(2)[2:], "privKey": text(3)},
            "lastRemoteEphemeralKey": "R",
            "previousCounter": 0,
            "rootKey": text(4),
        },
        "indexInfo": {
            "baseKey": "base",
            "baseKeyType": 2,
            "closed": -1,
            "used": 1_700_000_000_000 + steps,
            "created": 1_700_000_000_000,
            "remoteIdentityKey": identity,
            **index,
        },
        "_chains": {
            "R": {
                "chainKey": {"counter": steps, "key": base64.b64encode(key).decode()},
                "chainType": 2,
                "messageKeys": {},
            }
        },
    }
    return {"_sessions": {entry["indexInfo"]["baseKey"]: entry}, "version": "v1"}


def harmed(*path: str, to: object, steps: int = 2) -> dict[str, Any]:
    """A later state of the session with one field of it overwritten."""
    record = ratchet(steps, used=1_800_000_000_000)
    part: Any = record["_sessions"]["base"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A live directory with credentials of a whole pairing."""
    company = write_company(tmp_path / "baileys_sessions", **CREDS)
    (company / encode(Key("session", ADDRESS))).write_text(dump(ratchet()))
    return tmp_path / "baileys_sessions"


@pytest.fixture
def plan(root: Path, conn: Connection, database: dict[str, str]) -> dict[str, Any]:
    """The directory, imported and active."""
    plan = {"database": database, "directory": str(root), "kind": "live", "service": "stopped"}
    assert run("import", "--service-is-stopped", "--plan", "-", plan=plan)[0] == 0
    return plan


@pytest.fixture
def recipient(age_identity: tuple[str, str]) -> str:
    """To whom archives are encrypted."""
    return age_identity[1]


def archived(root: Path, recipient: str) -> tuple[str, ...]:
    """The command that removes a directory, once its archive is there."""
    with closing(open_directory(str(root))) as fd:
        made = create.create(fd, str(root.parent), "old", [recipient])
    return ("remove", "--archive", made.archive, "--manifest", made.manifest, "--plan", "-")


def refill(conn: Connection, strangers: int = STRANGERS, **creds: Any) -> None:
    """Contacts write for the first time, and the service makes pre-keys."""
    clocks(conn, **CREDS, nextPreKeyId=843, firstUnuploadedPreKeyId=843, **creds)
    for number in range(813, 843):
        put(conn, Key("pre-key", str(number)), pair(number))
    for number in range(1, strangers + 1):
        drop(conn, Key("pre-key", str(number)))
        put(conn, Key("session", f"1555888000{number}.0"), session(base=f"stranger {number}"))


def without(conn: Connection, name: str) -> None:
    """Credentials that moved on, and lost something on the way."""
    refill(conn)
    conn.execute("UPDATE whatsapp_auth SET creds = creds - %s::text", [name])


def spell(conn: Connection, spelled: object) -> None:
    """The identity, of the same bytes, in another spelling."""
    put(conn, Key("identity-key", "15550002222.0"), spelled)


def clean_up(conn: Connection) -> None:
    """A job deletes all pre-keys; the service makes others, which contacts then use."""
    conn.execute("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key'")
    refill(conn)


def one_more(conn: Connection) -> None:
    """As many as contacts used, and one that nobody did."""
    refill(conn)
    drop(conn, Key("pre-key", "9"))


def made_after(conn: Connection, root: Path) -> None:
    """Somebody ran on the files after they were imported."""
    (root / f"company_{COMPANY}" / "pre-key-820.json").write_text(dump(pair(820)))
    refill(conn)
    put(conn, Key("pre-key", "1"), pair(101))
    drop(conn, Key("pre-key", "820"))


NOTHING: tuple[Any, ...] = (None, "", {})
OCTETS = list(base64.b64decode(buffer(50)["data"]))
Harm = Callable[[Connection, Path], object]
SESSION, IDENTITY = f"session-{ADDRESS}.json", "identity-key-15550002222.0.json"
SENDER = "sender-key-120363000000000001@g.us--15550002222--0.json"
SECRETS = [
    ("currentRatchet", "rootKey"),
    ("currentRatchet", "ephemeralKeyPair", "privKey"),
    ("_chains", "R", "chainKey", "key"),
]
STATES: list[tuple[str, Harm, str]] = [
    ("array", lambda c, _: spell(c, {"type": "Buffer", "data": OCTETS}), IDENTITY),
    ("numbered", lambda c, _: spell(c, dict(enumerate(OCTETS))), IDENTITY),
    (
        "credentials in the array spelling",
        lambda c, _: c.execute(
            "UPDATE whatsapp_auth SET creds = jsonb_set(creds, '{noiseKey,private,data}', %s)",
            [json.dumps(list(base64.b64decode(buffer(1)["data"])))],
        ),
        "creds.json",
    ),
    *(
        (f"credentials without {name}", lambda c, _, name=name: without(c, name), "creds.json")
        for name in ("account", "signalIdentities", "pairingEphemeralKeyPair", "myAppStateKeyId")
    ),
    *(
        (
            f"credentials with another {name}",
            lambda c, _, name=name, to=to: c.execute(
                "UPDATE whatsapp_auth SET creds = creds || jsonb_build_object(%s::text, %s::jsonb)",
                [name, to],
            ),
            "creds.json",
        )
        for name, to in (("registered", "false"), ("myAppStateKeyId", '"AAAAAFop"'))
    ),
    *(
        (
            f"{'.'.join(path)} {what}",
            lambda c, _, path=path, to=to: put(c, Key("session", ADDRESS), harmed(*path, to=to)),
            SESSION,
        )
        for path in SECRETS
        for what, to in (("gone", ""), ("wiped", "A" * 43 + "="), ("another", text(99)))
    ),
    (
        "another contact's session",
        lambda c, _: put(
            c,
            Key("session", ADDRESS),
            ratchet(
                identity=OF_B, baseKey="later", created=1_800_000_000_000, used=1_800_000_000_000
            ),
        ),
        SESSION,
    ),
    (
        "a session whose owner was changed",
        lambda c, _: put(c, Key("session", ADDRESS), ratchet(3, OF_B)),
        SESSION,
    ),
    (
        "a sender key of another signing key",
        lambda c, _: put(
            c,
            Key("sender-key", GROUP_KEY),
            [{**sender_key(5)[0], "senderSigningKey": {"public": buffer(1), "private": buffer(2)}}],
        ),
        SENDER,
    ),
    (
        "a sender key made anew",
        lambda c, _: put(c, Key("sender-key", GROUP_KEY), sender_key(9, key_id=1)),
        SENDER,
    ),
    (
        "a sender key whose seed was changed",
        lambda c, _: put(
            c,
            Key("sender-key", GROUP_KEY),
            [{**sender_key(5)[0], "senderChainKey": {"iteration": 9, "seed": buffer(3)}}],
        ),
        SENDER,
    ),
    *(
        (
            f"{key.key_type} {value!r}",
            lambda c, _, key=key, value=value: put(c, key, value),
            encode(key),
        )
        for key in (Key("lid-mapping", "15550002222"), Key("device-list", "15550002222"))
        for value in NOTHING
    ),
    ("all pre-keys after a clean-up", lambda c, _: clean_up(c), "pre-key-1.json"),
    ("one unused pre-key", lambda c, _: one_more(c), "pre-key-1.json"),
    ("a pre-key made since", made_after, "pre-key-820.json"),
    (
        "a session without a row",
        lambda c, _: drop(c, Key("session", ADDRESS)),
        SESSION,
    ),
    (
        "app state without its hash",
        lambda c, _: put(c, Key("app-state-sync-version", "critical_unblock_low"), {"version": 9}),
        "app-state-sync-version-critical_unblock_low.json",
    ),
]


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
@pytest.mark.parametrize(
    ("harm", "named"), [one[1:] for one in STATES], ids=[one[0] for one in STATES]
)
def test_what_is_not_safe_blocks_and_is_named(
    plan: dict[str, Any], recipient: str, conn: Connection, harm: Harm, named: str
) -> None:
    """By account, by prove and by remove alike; nothing of the directory is gone then."""
    root = Path(plan["directory"])
    harm(conn, root)
    files = sorted(path.name for path in root.rglob("*.json"))
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 2 and any(named in reason for reason in events[-1]["reasons"]), events[-1]
    ((import_id,),) = conn.execute("SELECT import_id::text FROM whatsapp_imports").fetchall()
    code, events, _ = run("prove", "--plan", "-", plan={**plan, "import_id": import_id})
    assert code == 2 and any(one["file"] == named for one in events[-1]["mismatches"])
    code, _, said = run(*archived(root, recipient), plan=plan)
    assert code == 3 and named in said.replace("\n", ""), said
    assert sorted(path.name for path in root.rglob("*.json")) == files


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
def test_what_contacts_used_up_is_explained(
    plan: dict[str, Any], recipient: str, conn: Connection
) -> None:
    """The other side of the states above: none of them blocks by chance."""
    refill(conn)
    put(conn, Key("session", ADDRESS), ratchet(7))
    put(conn, Key("sender-key", GROUP_KEY), sender_key(4))
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 0, events[-1]
    assert events[-1]["counts"]["absent, explained"] == STRANGERS
    root = Path(plan["directory"])
    assert run(*archived(root, recipient), plan=plan)[0] == 0 and not root.exists()


def test_a_file_is_read_a_few_times_however_much_is_gone(
    plan: dict[str, Any], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every session was read for every pre-key that is gone: 25 s for 1,313 keys of eleven days."""
    read: Counter[str] = Counter()

    def counted(fd: int, name: str, **how: Any) -> Reading:
        read[name] += 1
        return read_session_file(fd, name, **how)

    monkeypatch.setattr(comparison, "read_session_file", counted)
    refill(conn, strangers=30)
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 0 and events[-1]["counts"]["absent, explained"] == 30, events[-1]
    assert max(read.values()) < 5, read.most_common(3)


CASES = Path(__file__).parent / "cases"


def case(name: str, tmp_path: Path, database: dict[str, str]) -> dict[str, Any]:
    """A case's directory, imported and active; a plan for it."""
    root = shutil.copytree(CASES / name, tmp_path / name)
    plan = {"database": database, "directory": str(root), "kind": "live", "service": "stopped"}
    assert run("import", "--service-is-stopped", "--plan", "-", plan=plan)[0] == 0
    return plan


def test_case_13_a_session_without_a_counter_is_judged_by_the_record(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """What can be known: the file is what was imported, and the row was written since."""
    plan = case("13-wasm-session/live", tmp_path, database)
    name = "session-15550002222.0.json"
    put700 = "UPDATE whatsapp_keys SET value = %s WHERE key_id = '15550002222.0' AND key_type = 'session'"
    conn.execute(put700, [json.dumps(buffer(98, 128))])
    path = str(Path(plan["directory"]) / "company_700" / name)
    code, (event,), _ = run("explain", path, plan=plan)
    assert (code, event["outcome"]) == (0, "newer in database"), event
    assert "form without a counter" in event["reason"]
    # Somebody wrote the file since: then nothing tells, and a counter can't come either.
    Path(path).write_text(dump(buffer(97, 128)))
    code, (event,), _ = run("explain", path, plan=plan)
    assert (code, event["outcome"]) == (2, "unexplained") and "wrote it since" in event["reason"]
    assert "counter" not in event["would_change"] and "backup" in event["would_change"]


@pytest.mark.parametrize("year", [1970, 1980])
def test_case_25_a_time_of_before_the_pairing_is_no_evidence(
    conn: Connection, database: dict[str, str], tmp_path: Path, year: int
) -> None:
    """Restored without its times, beside rows of another importer."""
    plan = case("25-restored-tar/in/sessions", tmp_path, database)
    conn.execute("DELETE FROM whatsapp_imports")
    for path in Path(plan["directory"]).rglob("*.json"):
        os.utime(path, ((year - 1970) * 31_556_952,) * 2)
    assert run("account", "--plan", "-", plan=plan)[0] == 0, "equal needs no time"
    conn.execute("""UPDATE whatsapp_keys SET value = '["0"]' WHERE key_type = 'device-list'""")
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 2 and "before the pairing" in events[-1]["reasons"][0]


def test_case_50_an_identity_that_did_not_change_explains_nothing(
    conn: Connection, database: dict[str, str], tmp_path: Path
) -> None:
    """The contact reinstalled and the service wrote first: the row is still the file's identity."""
    plan = case("50-outgoing-after-reinstall/in/sessions", tmp_path, database)
    conn.execute(
        "DELETE FROM whatsapp_keys WHERE key_type = 'session' AND key_id = '15550002222.0'"
    )
    code, events, _ = run("account", "--plan", "-", plan=plan)
    assert code == 2 and "session-15550002222.0.json" in events[-1]["reasons"][0]
