"""How the settings of a connection are called; known without libpq too."""

from __future__ import annotations

#: libpq's names, and ``authority``: the PEM text to verify with while there is no file ``sslrootcert``.
#: None else may stand in a plan.
SETTINGS = ("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "authority")
