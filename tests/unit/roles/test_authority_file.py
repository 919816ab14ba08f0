"""The database's certificate authority: a new one never takes the place of the running service's."""

from __future__ import annotations

import hashlib

from roles.hostprogram.plan import authority, authority_file, environment_settings, host_plan

from ..good_settings import CERTIFICATE, GOOD


def test_another_authority_is_another_file_that_comes_with_the_env() -> None:
    """It was written over the file that the running service reads at its next start, at any hour."""
    other = {**GOOD, "database_ca_certificate": CERTIFICATE.replace("A", "B")}
    assert authority_file(other) != authority_file(GOOD)
    assert authority_file(
        {**GOOD, "database_ca_certificate": CERTIFICATE + "\n"}
    ) == authority_file(GOOD)
    for data in (GOOD, other):
        file = authority_file(data)
        assert hashlib.sha256(authority(data).encode()).hexdigest()[:16] in file
        plan = host_plan({**data, "environment": "production"}, "wa-1", "0" * 40)
        assert environment_settings(data)["POSTGRES_SSL_CA"] == file
        assert plan["flags"]["POSTGRES_SSL_CA"] == plan["database"]["sslrootcert"] == file
        assert plan["database"]["authority"] == authority(data)
