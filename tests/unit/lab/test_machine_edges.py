"""What the lab says about a machine that can't run it, and what it keeps of its cache."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lab import cli
from lab.images import cache, snapshots
from lab.machine import capabilities, network
from lab.place import LabError, Place
from lab.profiles import profiles
from lab.profiles.profile import Profile, content_key

ALL = (1 << 41) - 1
PLACE = Place(checkout=Path("/nowhere"))


def found(program: str) -> str | None:
    """A machine that has every program."""
    return f"/usr/bin/{program}"


def test_one_sentence_says_what_is_missing() -> None:
    """Root, a capability, the kernel, packages; with what mends it."""
    assert "sudo" in (capabilities.missing(found, 1000, ALL, True) or "")
    assert "CAP_SYS_ADMIN" in (capabilities.missing(found, 0, ALL & ~(1 << 21), True) or "")
    assert "modprobe overlay" in (capabilities.missing(found, 0, ALL, False) or "")
    sentence = capabilities.missing(
        lambda program: None if program in ("nft", "age-keygen") else found(program), 0, ALL, True
    )
    assert "age" in (sentence or "")
    assert "nftables" in (sentence or "")


def test_a_network_that_is_the_machines_own_is_not_taken() -> None:
    """Putting the gateway's address on the bridge would cut the machine off."""
    routes = [
        {"dst": "default", "gateway": "198.51.100.1", "dev": "eth0"},
        {"dst": "198.51.100.0/25", "dev": "eth0"},
        {"dst": "198.51.100.0/24", "dev": "brlab0"},
        {"dst": "203.0.113.7", "dev": "eth1"},
    ]
    assert network.overlapping(json.dumps(routes), PLACE) == ["eth0"]
    assert network.overlapping(json.dumps(routes[2:]), PLACE) == []


def test_the_rules_replace_older_ones_in_one_step() -> None:
    """`up` after an interrupted `down` loads them again."""
    text = network.rules(PLACE)
    assert text.index("table ip baileys_lab") < text.index("delete table ip baileys_lab")
    assert 'ip saddr 198.51.100.0/24 oifname != "brlab0" masquerade' in text


def test_the_newest_snapshots_of_each_name_are_kept(tmp_path: Path) -> None:
    """Each version of the service in the lab makes one."""
    for number in range(5):
        for name in ("on-files", "other"):
            path = tmp_path / f"{name}-{number:016x}"
            path.mkdir()
            os.utime(path, (number, number))
    gone = {path.name for path in cache.superfluous(tmp_path.iterdir())}
    assert gone == {f"{name}-{number:016x}" for name in ("on-files", "other") for number in (0, 1)}


def test_a_snapshot_is_found_by_all_that_made_it(tmp_path: Path) -> None:
    """Another key or another image below it is another snapshot; a lost layer makes it unusable."""
    place = Place(checkout=tmp_path, cache=tmp_path)
    base = tmp_path / "base"
    base.mkdir()
    one = snapshots.directory(place, "before", "key", {"wa-1": [base]})
    assert one == snapshots.directory(place, "before", "key", {"wa-1": [base]})
    assert one != snapshots.directory(place, "before", "other", {"wa-1": [base]})
    assert one != snapshots.directory(place, "before", "key", {"wa-1": [tmp_path / "new base"]})
    assert snapshots.stacks_of(one) is None
    one.mkdir(parents=True)
    (one / "snapshot.json").write_text(json.dumps({"wa-1": [str(base)]}))
    assert snapshots.stacks_of(one) == {"wa-1": [base]}
    base.rmdir()
    assert snapshots.stacks_of(one) is None
    with pytest.raises(LabError, match="lab snapshot never"):
        snapshots.latest(place, "never")
    with pytest.raises(LabError, match="lower-case"):
        snapshots.check_name("../up")


def test_a_profiles_key_follows_what_makes_it_and_nothing_else(tmp_path: Path) -> None:
    """An edited service builds the profile anew; another profile's code, or what a developer
    installed, does not: that would cost every run its minutes."""
    lab = tmp_path / "lab"
    (lab / "service/common").mkdir(parents=True)
    (lab / "service/common/server.js").write_text("1")
    below = Profile("below", "", lambda hosts: None, made_by=("service",))
    profile = Profile("above", "", lambda hosts: None, made_by=("above.py",), on=below)
    (lab / "above.py").write_text("")

    def keys() -> tuple[str, str]:
        return content_key(lab, below, "one"), content_key(lab, profile, "one")

    first = keys()
    (lab / "service/common/node_modules").mkdir()
    (lab / "service/common/node_modules/x.js").write_text("")
    (lab / "status.py").write_text("")
    assert keys() == first
    (lab / "above.py").write_text("2")
    assert keys()[0] == first[0] and keys()[1] != first[1]
    (lab / "above.py").write_text("")
    (lab / "service/common/server.js").write_text("2")
    assert keys()[0] != first[0] and keys()[1] != first[1]
    changed = keys()
    shutil.move(lab / "service/common/server.js", lab / "service/common/index.js")
    assert keys()[0] != changed[0]


def test_a_profile_with_passwords_on_its_disks_is_of_one_checkout(tmp_path: Path) -> None:
    """Another checkout has other passwords: on these disks its service would not get in."""
    open_to_all = Profile("a", "", lambda hosts: None, made_by=())
    secret = replace(open_to_all, holds_secrets=True)
    assert content_key(tmp_path, open_to_all, "one") == content_key(tmp_path, open_to_all, "two")
    assert content_key(tmp_path, secret, "one") != content_key(tmp_path, secret, "two")


def test_every_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` teaches the commands and the exit codes."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("up", "down", "status", "ssh", "reset", "snapshot", "power-cut", "cut-off"):
        assert f"\n    {word} " in text
    assert "exit codes" in text


def test_what_a_profile_is_made_from_is_there() -> None:
    """A name that is not passes over in silence, and a changed profile would not be built anew."""
    lab = Path(profiles.__file__).parent.parent
    made_by = {name for profile in profiles.PROFILES.values() for name in profile.made_by}
    assert made_by and [name for name in made_by if not (lab / name).exists()] == []
