"""File names and the keys they stand for."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionstore.grammar import (
    KEY_TYPES,
    Key,
    company_of,
    decode,
    encode,
    is_company_id,
    spellings,
)

digits = st.text("0123456789", min_size=1, max_size=20)
device = st.integers(0, 999).map(str)
signal_user = st.builds(
    lambda user, domain: user + domain, digits, st.sampled_from(["", "_1", "_128", "_129"])
)
address = st.builds("{}.{}".format, signal_user, device)
group = st.one_of(
    digits.map("{}@g.us".format),
    st.builds("{}-{}@g.us".format, digits, digits),
    st.just("status@broadcast"),
    digits.map("{}@broadcast".format),
)
server = st.sampled_from(
    ["s.whatsapp.net", "c.us", "lid", "hosted", "hosted.lid", "bot", "newsletter"]
)
jid = st.one_of(
    st.builds("{}@{}".format, signal_user, server),
    st.builds("{}:{}@{}".format, signal_user, device, server),
)
identifiers = {
    "pre-key": st.integers(1, 16777215).map(str),
    "session": address,
    "identity-key": address,
    "sender-key": st.builds("{}::{}::{}".format, group, signal_user, device),
    "sender-key-memory": st.one_of(group, jid),
    "app-state-sync-key": st.binary(min_size=1, max_size=40).map(
        lambda raw: base64.b64encode(raw).decode()
    ),
    "app-state-sync-version": st.sampled_from(
        ["critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"]
    ),
    "lid-mapping": st.builds("{}{}".format, signal_user, st.sampled_from(["", "_reverse"])),
    "device-list": signal_user,
    "tctoken": st.one_of(st.just("__index"), group, jid),
}
keys = st.one_of(*(st.builds(Key, st.just(key_type), ids) for key_type, ids in identifiers.items()))


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
    assert is_company_id("962302") and not is_company_id("company_962302")
    assert not is_company_id("../x") and not is_company_id("")
    assert spellings("9") == ("9", "company_9")
