"""The lab's certificate authority and the certificate of its database server, made by openssl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.place import HostSpec
from lab.tools import run

DAYS = 3650

# openssl's own defaults add a second basicConstraints to what -addext gives, so none are used.
_CONFIG = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = {name}
[extensions]
subjectKeyIdentifier = hash
{extensions}
"""

_AUTHORITY = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign"
_SERVER = (
    "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n"
    "extendedKeyUsage = serverAuth\nauthorityKeyIdentifier = keyid\nsubjectAltName = {names}"
)


@dataclass(frozen=True)
class Tls:
    """PEM texts for the database server and its clients."""

    authority_certificate: str
    server_certificate: str
    server_key: str


def make(directory: Path, servers: Sequence[HostSpec]) -> Tls:
    """Make an authority in ``directory`` and one certificate that is valid for all ``servers``.

    The server's key is returned and left nowhere else: it belongs in the vault.

    Raises:
        LabError: openssl failed.
    """
    key, certificate = directory / "ca.key", directory / "ca.crt"
    server_key, server_certificate = directory / "server.key", directory / "server.crt"
    _request(config("lab certificate authority", _AUTHORITY), key, certificate, [])
    text = config(servers[0].name, _SERVER.format(names=alternative_names(servers)))
    signer = ["-CA", str(certificate), "-CAkey", str(key)]
    _request(text, server_key, server_certificate, signer)
    tls = Tls(certificate.read_text(), server_certificate.read_text(), server_key.read_text())
    server_key.unlink()
    return tls


def config(name: str, extensions: str) -> str:
    """An openssl request configuration."""
    return _CONFIG.format(name=name, extensions=extensions)


def alternative_names(servers: Sequence[HostSpec]) -> str:
    """Every name and address under which a client may reach the servers."""
    return ",".join(f"DNS:{server.name},IP:{server.address}" for server in servers)


def _request(text: str, key: Path, certificate: Path, more: list[str]) -> None:
    argv = ["openssl", "req", "-x509", "-config", "/dev/stdin", "-days", str(DAYS), "-nodes"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    run([*argv, *curve, "-keyout", key, "-out", certificate, *more], text)
