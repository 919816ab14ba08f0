"""How the settings of a connection are called; known without libpq too."""

from __future__ import annotations

#: libpq's names; ``authority``, the PEM text to verify with while there is no file ``sslrootcert``; and
#: ``tables``, the layout of the service's (sessionstore/tables/description.py).
#: None else may stand in a plan.
SETTINGS = (
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "authority",
    "tables",
)
