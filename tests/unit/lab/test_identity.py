"""Keys and passwords of a checkout's lab, made by the real programs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab.checkout import identity
from lab.place import HostSpec, Place

SPECS = [
    HostSpec("wa-1", IPv4Address("198.51.100.11"), "service"),
    HostSpec("db-1", IPv4Address("198.51.100.21"), "database"),
]

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("age-keygen", "openssl", "ssh-keygen"))),
    reason="needs age, openssl and openssh-client (apt-get install them, as make does with root)",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A checkout with its secrets made."""
    made = Place(checkout=tmp_path_factory.mktemp("checkout"))
    identity.ensure(made, SPECS)
    return made


def output(*argv: str | Path, text: str = "") -> str:
    """What a program printed that must succeed."""
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def vault(place: Place) -> dict[str, str]:
    """The vault as Ansible's own command reads it."""
    program = Path(sys.executable).parent / "ansible-vault"
    named = f"lab@{place.secrets / 'vault-password'}"
    text = output(program, "view", "--vault-id", named, place.group_vars / "vault.yml")
    loaded = YAML(typ="safe").load(text)
    assert isinstance(loaded, dict)
    return loaded


def test_nothing_secret_is_readable_by_others(place: Place) -> None:
    """From the directory down to every file in it, and the vault."""
    for path in [place.secrets, *place.secrets.rglob("*"), place.group_vars / "vault.yml"]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_vault_is_encrypted_and_holds_what_the_settings_refer_to(place: Place) -> None:
    """Under the id `lab`, so that ansible.cfg finds its password."""
    assert (
        (place.group_vars / "vault.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;lab\n")
    )
    assert set(vault(place)) == {
        "vault_database_owner_password",
        "vault_database_app_password",
        "vault_database_tls_key",
    }
    assert not (place.secrets / "server.key").exists()


def test_the_servers_certificate_is_valid_for_the_database_host(
    place: Place, tmp_path: Path
) -> None:
    """By name and by address, against the authority that clients are given."""
    settings = YAML(typ="safe").load(place.group_vars / "generated.yml")
    ca, certificate = tmp_path / "ca.crt", tmp_path / "server.crt"
    ca.write_text(settings["database_ca_certificate"])
    certificate.write_text(settings["database_tls_certificate"])
    verify = ("openssl", "verify", "-purpose", "sslserver", "-CAfile", ca)
    output(*verify, "-verify_hostname", "db-1", certificate)
    output(*verify, "-verify_ip", "198.51.100.21", certificate)
    with pytest.raises(subprocess.CalledProcessError):
        output(*verify, "-verify_hostname", "wa-1", certificate)
    key = output("openssl", "pkey", "-pubout", text=vault(place)["vault_database_tls_key"])
    assert key == output("openssl", "x509", "-pubkey", "-noout", "-in", certificate)


def test_the_archive_recipient_belongs_to_the_identity(place: Place) -> None:
    """Else nobody could ever open an archive."""
    settings = YAML(typ="safe").load(place.group_vars / "generated.yml")
    recipient = output("age-keygen", "-y", place.secrets / "age-identity")
    assert settings["archive_recipients"] == [recipient.strip()]


def test_made_once_and_together(place: Place) -> None:
    """A second `up` keeps everything; a host more gets a key; a lost vault makes a new set."""
    before = identity.lab_id(place)
    secrets = vault(place)
    more = HostSpec("wa-2", IPv4Address("198.51.100.12"), "service")
    assert identity.ensure(place, [*SPECS, more]) == before
    assert vault(place) == secrets
    known = (place.secrets / "known_hosts").read_text().splitlines()
    assert [line.split(" ")[0] for line in known] == [
        "198.51.100.11,wa-1",
        "198.51.100.21,db-1",
        "198.51.100.12,wa-2",
    ]
    (place.group_vars / "vault.yml").unlink()
    assert identity.ensure(place, SPECS) != before
    assert vault(place) != secrets
