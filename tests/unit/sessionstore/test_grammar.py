"""File names and the keys they stand for."""

from __future__ import annotations

import base64
import os
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.keys.names import (
    KEY_TYPES,
    Key,
    company_of,
    decode,
    encode,
    is_company_id,
)
from tests.unit.any_keys import (
    identifiers,
    keys,
)


def test_every_type_of_the_table_has_a_generator_here() -> None:
    """A type that is added without a test would be decoded on trust."""
    assert set(identifiers) == set(KEY_TYPES)


@given(keys)
def test_a_valid_key_survives_its_file_name(key: Key) -> None:
    """The one property everything rests on."""
    assert decode(encode(key)) == key


@given(
    st.one_of(
        st.text(max_size=60).map(lambda text: text + ".json"),
        st.builds(
            lambda key_type, rest: f"{key_type}-{rest}.json",
            st.sampled_from(KEY_TYPES),
            st.text("0123456789_-.:@gusladbrocst=+/", max_size=30),
        ),
    )
)
def test_a_random_name_is_never_decoded_to_another(name: str) -> None:
    """Unknown is right; another name's key would be a lost key."""
    key = decode(name)
    assert key is None or encode(key) == name


@given(keys, st.integers(0, 80), st.sampled_from("0-_:./@a \n\x00é"), st.booleans())
def test_a_mutated_name_is_never_decoded_to_another(
    key: Key, position: int, char: str, insert: bool
) -> None:
    """One slip in a name must not become someone else's key."""
    name = encode(key)
    position %= len(name)
    mutated = name[:position] + char + name[position + (0 if insert else 1) :]
    found = decode(mutated)
    assert found is None or encode(found) == mutated
    if mutated != name:
        assert found != key


NAMES = 1_000_000 if os.environ.get("ROLLOUT_SOAK") else 20_000


def _digits(draw: random.Random, most: int = 20) -> str:
    return "".join(draw.choices(string.digits, k=draw.randint(1, most)))


def _user(draw: random.Random) -> str:
    return _digits(draw) + draw.choice(["", "", "_1", "_128", "_129", f"_{_digits(draw, 3)}"])


def _group(draw: random.Random) -> str:
    one, other = _digits(draw), _digits(draw)
    forms = [f"{one}@g.us", f"{one}-{other}@g.us", "status@broadcast", f"{one}@broadcast"]
    return draw.choice(forms)


SERVERS = ("s.whatsapp.net", "c.us", "lid", "hosted", "hosted.lid", "bot", "newsletter")


def _jid(draw: random.Random) -> str:
    at = draw.choice(["", f":{_digits(draw, 3)}"])
    return f"{_user(draw)}{at}@{draw.choice(SERVERS)}"


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "pre-key": lambda draw: str(draw.randint(1, 16777215)),
    "session": lambda draw: f"{_user(draw)}.{_digits(draw, 3)}",
    "identity-key": lambda draw: f"{_user(draw)}.{_digits(draw, 3)}",
    "sender-key": lambda draw: f"{_group(draw)}::{_user(draw)}::{_digits(draw, 3)}",
    "sender-key-memory": lambda draw: draw.choice([_group, _jid])(draw),
    "app-state-sync-key": lambda draw: base64.b64encode(
        draw.randbytes(draw.randint(1, 40))
    ).decode(),
    "app-state-sync-version": lambda draw: draw.choice(
        ["critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"]
    ),
    "lid-mapping": lambda draw: _user(draw) + draw.choice(["", "_reverse"]),
    "device-list": _user,
    "tctoken": lambda draw: draw.choice(["__index", _group(draw), _jid(draw)]),
}


def made(draw: random.Random) -> Key:
    """A valid key of any type."""
    key_type = draw.choice(KEY_TYPES)
    return Key(key_type, MAKERS[key_type](draw))


def _all_digits(text: str, most: int = 20) -> bool:
    return 1 <= len(text) <= most and set(text) <= set(string.digits)


def _is_user(text: str) -> bool:
    user, mark, domain = text.partition("_")
    return _all_digits(user) and (not mark or _all_digits(domain, 3))


def _is_address(text: str) -> bool:
    user, dot, device = text.partition(".")
    return bool(dot) and _is_user(user) and _all_digits(device, 3)


def _is_group(text: str) -> bool:
    local, _, server = text.partition("@")
    if server == "broadcast":
        return local == "status" or _all_digits(local)
    one, dash, other = local.partition("-")
    return server == "g.us" and _all_digits(one) and (not dash or _all_digits(other))


def _is_jid(text: str) -> bool:
    local, _, server = text.partition("@")
    user, colon, device = local.partition(":")
    return server in SERVERS and _is_user(user) and (not colon or _all_digits(device, 3))


def _is_base64(text: str) -> bool:
    body = text.rstrip("=")
    alphabet = set(string.ascii_letters + string.digits + "+/")
    return bool(body) and set(body) <= alphabet and len(text) % 4 == 0 and len(text) - len(body) < 3


def _is_sender_key(text: str) -> bool:
    parts = text.split("::")
    return (
        len(parts) == 3 and _is_group(parts[0]) and _is_user(parts[1]) and _all_digits(parts[2], 3)
    )


#: The table of docs/facts.md section 2 again, without an expression in common with the code.
VALID: dict[str, Callable[[str], bool]] = {
    "pre-key": lambda text: _all_digits(text, 8) and text[0] != "0" and int(text) < 2**24,
    "session": _is_address,
    "identity-key": _is_address,
    "sender-key": _is_sender_key,
    "sender-key-memory": lambda text: _is_group(text) or _is_jid(text),
    "app-state-sync-key": _is_base64,
    "app-state-sync-version": {
        "critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"
    }.__contains__,
    "lid-mapping": lambda text: _is_user(text.removesuffix("_reverse")),
    "device-list": _is_user,
    "tctoken": lambda text: text == "__index" or _is_group(text) or _is_jid(text),
}  # fmt: skip


def test_many_valid_names_decode_to_exactly_their_key() -> None:
    """Of every type, short ids and long ones."""
    draw = random.Random()
    for _ in range(NAMES):
        key = made(draw)
        assert VALID[key.key_type](key.key_id), key
        assert decode(encode(key)) == key, key


def test_many_damaged_names_are_never_decoded_wrongly() -> None:
    """Characters swapped, lost, doubled, names joined or invented: a valid key, or unknown."""
    draw = random.Random()
    alphabet = string.digits + "_-.:@+/=gusladbrocit\x00\n\u0661é" + "\udcff"
    for _ in range(NAMES):
        name = list(encode(made(draw)))
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(name))
            match draw.randrange(5):
                case 0:
                    name[at] = draw.choice(alphabet)
                case 1:
                    name.insert(at, draw.choice(alphabet))
                case 2:
                    del name[at]
                case 3:
                    name[at:at] = name[at : at + draw.randint(1, 4)]
                case _:
                    name = name[:at] + list(encode(made(draw)))[draw.randrange(20) :]
            name = name or ["x"]
        text = "".join(name)
        key = decode(text)
        assert key is None or (encode(key) == text and VALID[key.key_type](key.key_id)), text


def test_many_random_names_are_never_decoded_wrongly() -> None:
    """A known beginning and anything after it."""
    draw = random.Random()
    for _ in range(NAMES):
        rest = "".join(draw.choices("0123456789_-.:@+/=abgusl", k=draw.randint(0, 30)))
        ending = draw.choice([".json", ".json", ".json.json", ".JSON", ""])
        text = f"{draw.choice(KEY_TYPES)}-{rest}{ending}"
        key = decode(text)
        assert key is None or (encode(key) == text and VALID[key.key_type](key.key_id)), text


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pre-key-1.json", Key("pre-key", "1")),
        ("session-99001133_1.14.json", Key("session", "99001133_1.14")),
        (
            "sender-key-1203-16@g.us--15550001_1--3.json",
            Key("sender-key", "1203-16@g.us::15550001_1::3"),
        ),
        ("app-state-sync-key-AA__+8w==.json", Key("app-state-sync-key", "AA/+8w==")),
        ("sender-key-memory-1203-16@g.us.json", Key("sender-key-memory", "1203-16@g.us")),
        (
            "sender-key-memory-1555-16@s.whatsapp.net.json",
            Key("sender-key-memory", "1555:16@s.whatsapp.net"),
        ),
        ("tctoken-__index.json", Key("tctoken", "__index")),
        ("lid-mapping-99_reverse.json", Key("lid-mapping", "99_reverse")),
    ],
)
def test_names_that_others_get_wrong(name: str, key: Key) -> None:
    """Each of these is misread by splitting at a dash or undoing the replacements."""
    assert decode(name) == key


@pytest.mark.parametrize(
    "name",
    [
        "pre-key-0.json",
        "pre-key-01.json",
        "pre-key-16777216.json",
        "pre-key-१.json",
        "pre-key-1.json.bak",
        "pre-key-1.json\n",
        "pre-key-1",
        "pre-key-.json",
        "creds.json",
        "session-1.json",
        "session-abc.0.json",
        "sender-key-1@g.us--2.json",
        "app-state-sync-key-AAA.json",
        "app-state-sync-key-.json",
        "app-state-sync-key-A_A=.json",
        "app-state-sync-version-other.json",
        "lid-mapping-1_2_3_reverse.json",
        "unknown-type-1.json",
        "",
        ".json",
    ],
)
def test_what_baileys_never_writes_is_unknown(name: str) -> None:
    """Reported, never guessed."""
    assert decode(name) is None


def test_company_names() -> None:
    """Directories carry a prefix, rows do not."""
    assert company_of("company_962302") == "962302"
    assert company_of("company_962302.backup.2025") is None
    assert company_of("962302") is None
    assert company_of("company_company_3") is None, "no id that an import would take"
    assert company_of("md_sales", "md_{company}") == "sales"
    assert company_of("md_", "md_{company}") is None
    assert company_of("company_1", "md_{company}") is None
    assert company_of("a-b", "{company}") == "a-b"
    assert is_company_id("962302") and not is_company_id("company_962302")
    assert not is_company_id("../x") and not is_company_id("")
