"""Keys, certificates and passwords of one checkout's lab, made once, kept in ``.lab/`` (0700).

What Ansible needs of it is written where it looks: ``group_vars/lab/vault.yml`` (encrypted) and
``group_vars/lab/generated.yml`` (nothing secret). None of the three is in git.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from lab import progress
from lab.checkout import certificates
from lab.place import HostSpec, LabError, Place
from lab.tools import run

_MARK = "lab-id"


@dataclass(frozen=True)
class HostKey:
    """The SSH key by which a host proves who it is."""

    private: str
    public: str


@contextmanager
def private_umask() -> Iterator[None]:
    """Whatever is made inside is readable by its owner alone, from its first byte."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def lab_id(place: Place) -> str | None:
    """A random name of this checkout's lab, or None while it has not been created."""
    try:
        return (place.secrets / _MARK).read_text().strip()
    except FileNotFoundError:
        return None


def ensure(place: Place, specs: Sequence[HostSpec]) -> str:
    """Create what is missing and return the lab's id.

    All secrets are made together: when the vault or the settings made from them are gone, a new
    set is made, because the old one's passwords can't be known to agree with them.
    """
    with private_umask():
        written = [place.group_vars / name for name in ("vault.yml", "generated.yml")]
        if lab_id(place) is None or not all(path.exists() for path in written):
            with progress.step("making keys, certificates and passwords for this checkout's lab"):
                _create(place, specs)
        for spec in specs:
            _ensure_host_key(place, spec.name)
        _write_known_hosts(place, specs)
    identifier = lab_id(place)
    assert identifier is not None
    return identifier


def _create(place: Place, specs: Sequence[HostSpec]) -> None:
    home = place.secrets
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    _ssh_key(home / "id_ed25519", "lab operator")
    _write(home / "vault-password", secrets.token_urlsafe(32) + "\n")
    run(["age-keygen", "--output", str(home / "age-identity")])
    recipient = run(["age-keygen", "-y", str(home / "age-identity")]).strip()
    servers = [spec for spec in specs if spec.image == "database"] or list(specs)
    tls = certificates.make(home, servers)
    place.group_vars.mkdir(parents=True, exist_ok=True)
    vault = (
        _yaml("vault_database_owner_password", secrets.token_urlsafe(24))
        + _yaml("vault_database_app_password", secrets.token_urlsafe(24))
        + _yaml("vault_database_tls_key", tls.server_key)
    )
    _write(place.group_vars / "vault.yml", _encrypted(place, vault))
    generated = _generated(recipient, tls.server_certificate, tls.authority_certificate)
    _write(place.group_vars / "generated.yml", generated, 0o644)
    _write(home / _MARK, secrets.token_hex(8) + "\n")


def _generated(recipient: str, certificate: str, authority: str) -> str:
    return (
        "# Made by `python -m lab up` for this checkout's lab; nothing here is secret.\n"
        f"archive_recipients: [{recipient}]\n"
        'archive_identity_file: "{{ inventory_dir }}/../.lab/age-identity"\n'
        + _yaml("database_tls_certificate", certificate)
        + _yaml("database_ca_certificate", authority)
    )


def settings(place: Place) -> dict[str, str]:
    """The settings of this checkout's lab, those of the vault among them.

    Raises:
        LabError: there is no lab yet, or the vault does not open.
    """
    vault = _ansible_vault(place, "view", str(place.group_vars / "vault.yml"))
    generated = (place.group_vars / "generated.yml").read_text()
    yaml = YAML(typ="safe")
    return {**yaml.load(generated), **yaml.load(vault)}


def _yaml(name: str, value: str) -> str:
    if "\n" not in value:
        return f'{name}: "{value}"\n'
    return f"{name}: |\n" + "".join(f"  {line}\n" for line in value.splitlines())


def _encrypted(place: Place, text: str) -> str:
    return _ansible_vault(
        place, "encrypt", "--encrypt-vault-id", "lab", "--output", "-", "-", text=text
    )


def _ansible_vault(place: Place, command: str, *arguments: str, text: str = "") -> str:
    beside = Path(sys.executable).parent / "ansible-vault"
    program = str(beside) if beside.exists() else shutil.which("ansible-vault")
    if program is None:
        raise LabError("ansible-vault is missing: install the project's requirements (make does)")
    password = f"lab@{place.secrets / 'vault-password'}"
    argv = [program, command, "--vault-id", password, *arguments]
    # Away from ansible.cfg, which would ask the vault client for the lab's password as well.
    return run(argv, text, directory=place.secrets, without=["ANSIBLE_CONFIG"])


def _ssh_key(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def _ensure_host_key(place: Place, host: str) -> None:
    path = place.secrets / "hosts" / f"{host}.key"
    if not path.with_name(f"{host}.key.pub").exists():
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        _ssh_key(path, host)


def host_key(place: Place, host: str) -> HostKey:
    """The key pair that is put on a host at every boot."""
    path = place.secrets / "hosts" / f"{host}.key"
    return HostKey(path.read_text(), path.with_name(f"{host}.key.pub").read_text())


def login_key(place: Place) -> str:
    """The public key that may log in as the operator."""
    return (place.secrets / "id_ed25519.pub").read_text()


def _write_known_hosts(place: Place, specs: Sequence[HostSpec]) -> None:
    lines = []
    for spec in specs:
        kind, key, *_ = host_key(place, spec.name).public.split()
        lines.append(f"{spec.address},{spec.name} {kind} {key}\n")
    path = place.secrets / "known_hosts"
    if not path.exists() or path.read_text() != "".join(lines):
        _write(path, "".join(lines))


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    draft.chmod(mode)
    draft.rename(path)
