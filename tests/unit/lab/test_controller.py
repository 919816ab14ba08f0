"""What hosts take over from the controller's package settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.images import recipes
from lab.machine import controller
from lab.machine.controller import Surroundings

PLAIN = Surroundings(apt=(), sources=(), npm=(), authorities=())
OWN = Surroundings(
    apt=('Acquire::http::Proxy "http://proxy.example:3128";',),
    sources=(f"deb http://mirror.example/debian {controller.SUITE} main",),
    npm=("registry=https://npm.example/",),
    authorities=(("own.crt", "PEM"),),
)

DUMP = """
APT::Architecture "amd64";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy::direct.example "DIRECT";
Acquire::IndexTargets::deb::Packages::MetaKey "x";
DPkg::Post-Invoke "rm -f /everything";
Acquire::Retries "";
"""


def test_of_apts_settings_only_the_way_to_repositories_is_taken() -> None:
    """Hooks such as Post-Invoke name programs that a host does not have."""
    names = [line.split(" ")[0] for line in controller.apt_lines(DUMP)]
    assert names == [
        "Acquire::http::Proxy",
        "Acquire::https::CaInfo",
        "Acquire::Check-Valid-Until",
        "Acquire::http::Proxy::direct.example",
    ]


def test_without_debian_sources_the_mirror_is_left_to_mmdebstrap() -> None:
    """It knows Debian's own by itself."""
    assert controller.sources("") == ()
    assert controller.sources("Ubuntu main noble http://archive.example/ubuntu/\n") == ()


def test_a_mirror_of_the_controllers_own_serves_the_hosts_too() -> None:
    """The release that a host runs is put in later; security updates if there are any."""
    lines = controller.sources(
        "Other main x http://other.example/\n"
        "Debian contrib bookworm http://mirror.example/contrib/\n"
        "Debian main bookworm-security http://mirror.example/security/\n"
        "Debian main bookworm http://mirror.example/debian/\n"
    )
    assert lines == (
        "deb http://mirror.example/debian/ {suite} main",
        "deb http://mirror.example/debian/ {suite}-updates main",
        "deb http://mirror.example/security/ {suite}-security main",
    )


def test_npm_settings_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's file wins over the machine's, the environment over both."""
    for name in ("registry", "proxy", "https_proxy", "noproxy", "cafile", "strict_ssl"):
        monkeypatch.delenv(f"npm_config_{name}", raising=False)
        monkeypatch.delenv(f"NPM_CONFIG_{name.upper()}", raising=False)
    machine = "registry=https://one.example/\ncafile=/etc/own.pem\n"
    user = "registry = https://two.example/\n//two.example/:_authToken=secret\nfund=false\n"
    assert controller.npm_lines([machine, user]) == (
        f"cafile={controller.BUNDLE}",
        "registry=https://two.example/",
    )
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://three.example/")
    assert "registry=https://three.example/" in controller.npm_lines([machine, user])


def test_name_servers_on_loopback_do_not_count() -> None:
    """A host would look for them on itself."""
    text = "search example\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 203.0.113.53\n"
    assert controller.reachable_name_servers(text) == ["203.0.113.53"]
    assert controller.reachable_name_servers("nameserver fe80::1%eth0\n") == ["fe80::1%eth0"]


def test_keys_follow_everything_that_makes_an_image() -> None:
    """A changed recipe, setting or authority builds anew; the same does not."""
    suite = recipes.DEBIAN_13
    base = recipes.base_key(PLAIN, suite)
    assert base == recipes.base_key(Surroundings((), (), (), ()), suite)
    assert base != recipes.base_key(OWN, suite)
    assert base != recipes.base_key(PLAIN, recipes.DEBIAN_12)
    service, database = (recipes.layer_key(recipes.KINDS[k], base) for k in ("service", "database"))
    assert service != database
    assert service != recipes.layer_key(recipes.KINDS["service"], recipes.base_key(OWN, suite))
    more = recipes.Recipe(packages=(*recipes.KINDS["service"].packages, "jq"))
    assert recipes.layer_key(more, base) != service


def test_the_controllers_settings_reach_the_hosts() -> None:
    """Proxy, mirror, npm's registry, authorities, and Node.js told of these."""
    argv = recipes.mmdebstrap_argv(OWN, "bookworm", Path("target"))
    assert argv[-1] == "deb http://mirror.example/debian bookworm main"
    assert f"--aptopt={OWN.apt[0]}" in argv
    assert recipes.mmdebstrap_argv(PLAIN, "trixie", Path("target"))[-2:] == ["trixie", "target"]
    files = recipes.base_files(OWN)
    assert OWN.apt[0] in files["etc/apt/apt.conf.d/90lab"].content
    assert files["etc/npmrc"].content == "registry=https://npm.example/\n"
    assert files["usr/local/share/ca-certificates/own.crt"].content == "PEM"
    assert "NODE_EXTRA_CA_CERTS=" in files["etc/environment"].content
    assert "NODE_EXTRA_CA_CERTS" in files["etc/sudoers.d/lab-environment"].content
    assert "etc/environment" not in recipes.base_files(PLAIN)
