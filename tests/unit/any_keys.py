"""Keys of every type, with ids as Baileys makes them."""

from __future__ import annotations

import base64

from hypothesis import strategies as st

from sessionstore.keys.names import Key

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
