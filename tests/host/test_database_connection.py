"""The way from the service's host to the database: encrypted, and to the right server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .support.declared import Declared
from .support.target import Target
from .support.wording import not_checked


def strangers_authority() -> str:
    """A certificate authority that nobody declared, made for this question only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody's authority")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = (
        builder.not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_database_is_reached_with_a_verified_certificate(target: Target) -> None:
    """The service has no database at its next start, or talks to another than declared."""
    found = target.database.row(
        "SELECT current_user AS account, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    assert found["account"] == target.declared.text("database_app_user")
    assert found["ssl"], "the connection is not encrypted"


def test_another_authority_is_refused(target: Target) -> None:
    """If any authority would do, whoever sits on the way reads every key."""
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        target.database.connect(authority=strangers_authority())


def test_another_name_is_refused(target: Target) -> None:
    """If any certificate of the authority would do, its other customers could take our place."""
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        target.database.connect(host="another-server.invalid")


def test_host_has_the_declared_authority(host: Any, target: Target, declared: Declared) -> None:
    """The service verifies with this file: without it, or with an old one, it can't connect."""
    file = host.file(str(declared.authority_file))
    assert file.exists, f"{declared.authority_file} is missing"
    there = target.content(str(declared.authority_file)).decode(errors="replace")
    assert there.strip() == declared.text("database_ca_certificate").strip(), (
        f"{declared.authority_file} is not the declared authority"
    )
    assert file.mode & 0o044 == 0o044, f"{declared.authority_file} can't be read by the service"


def test_service_connections_are_encrypted(target: Target, declared: Declared) -> None:
    """Keys and credentials cross the network in the open."""
    # A pool closes connections that nobody uses; answering makes the service open one.
    if declared.status_url:
        target.probe_anew("status.answer", declared.status_url)
    rows = target.database.rows(
        "SELECT ssl, count(*) AS number FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
        " WHERE usename = current_user AND application_name <> 'rollout verify' GROUP BY ssl"
    )
    plain = [row["number"] for row in rows if not row["ssl"]]
    assert not plain, f"{plain[0]} connections of {declared.text('database_app_user')} without TLS"
    if not rows and not declared.companies:
        not_checked("the service runs no company, so it has no connection to the database")
    assert rows or not declared.on_postgresql, "the service has no connection to the database"
