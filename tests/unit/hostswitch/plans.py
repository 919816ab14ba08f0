"""A plan as it comes on standard input."""

from __future__ import annotations

from typing import Any

from .. import kinds

PLAN: dict[str, Any] = {
    "version": 1,
    "rollout_id": "20261122T140000Z-3fa2",
    "environment": "lab",
    "host": "wa-1",
    "operator": "ada",
    "reason": "",
    "description": kinds.raw("lab"),
    "app_dir": "/opt/ai-admin",
    "service_user": "ai-admin",
    "pm2_home": "/home/ai-admin/.pm2",
    "service_app": "app",
    "pm2_apps": {"app": "src/server.js"},
    "revision": "2" * 40,
    "release": "/opt/ai-admin/releases/" + "2" * 40,
    "entry": "src/server.js",
    "env_live": "/opt/ai-admin/.env",
    "env_next": "/opt/ai-admin/.env.next",
    "flags": {"A": "b"},
    "flags_as_read": {},
    "pm2_environment": {},
    "companies": ["962302"],
    "legacy_directories": [
        {"path": "a/b", "kind": "test", "acknowledge": {"reason": "a test", "identities": True}}
    ],
    "database": {
        "host": "db",
        "port": 5432,
        "dbname": "whatsapp",
        "user": "app",
        "password": "hunter2",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca",
    },
    "gate": {
        "status_url": "http://127.0.0.1:3010/status",
        "limit_seconds": 90,
        "settle_seconds": 5,
        "connected": "required",
        "before": "required",
    },
    "archive": {"directory": "/var/backups", "recipients": ["age1x"], "keep_days": 180},
    "remove_after_days": 11,
    "kill_timeout_ms": 15000,
    "minimum_free_mb": 200,
    "releases_kept": 5,
    "alarm_command": None,
}
