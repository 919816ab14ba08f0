"""The plan that the controller would send to a test's host: its own, but for what a directory can't have."""

from __future__ import annotations

from typing import Any

from roles.hostprogram.plan import host_plan
from tests.unit.good_settings import GOOD

COMPANY = "962302"
OLD = "1" * 40
NEW = "2" * 40
APP = "baileys-whatsapp-service"
ROLLOUT = "20261122T140000Z-test"
DECLARED = {
    **GOOD,
    "environment": "test",
    "rollout_id": ROLLOUT,
    "operator": "tester",
    "service_app": APP,
    "companies": [COMPANY],
    "legacy_directories": [
        {"path": "baileys_sessions", "kind": "live"},
        {"path": "baileys_sessions_backup", "kind": "backup"},
    ],
    "database_port": 5432,
    "database_app_user": "postgres",
    "gate_connected": "not checked",
    "gate_settle_seconds": 0.5,
    "remove_after_days": 0,
    "kill_timeout_ms": 5000,
    "minimum_free_mb": 1,
}


def cut_over(**settings: Any) -> dict[str, Any]:
    """The plan of a cut-over.

    Args:
        settings: what this host declares otherwise; ``database_host`` is the directory of a socket.
    """
    declared = {**DECLARED, **settings}
    plan = host_plan(declared, "here", NEW)
    by_socket = {"sslmode": "disable", "sslrootcert": None, "authority": None}
    return {
        **plan,
        "database": {**plan["database"], **by_socket},
        # The .env of such a host names no authority, and most tests want no dump before the stop.
        "flags": dict(declared["flags"]),
        "never_secret": list(declared["flags"]),
        "backup": None,
    }


DUMP = {"method": "pg_dump", "reason": ""}
