"""A host before and after its cut-over, as the host program sees it."""

from __future__ import annotations

from dataclasses import replace

from hostswitch.decide.seen import InDatabase, LegacySeen, Seen
from hostswitch.plan import Acknowledgement, Archive, Database, Gate, LegacyDirectory, Plan

from .. import kinds

NEW, OLD = "2" * 40, "1" * 40
APP = "/opt/ai-admin"
LIVE = LegacyDirectory("baileys_sessions", "live", None)
BACKUP = LegacyDirectory("old", "backup", Acknowledgement("kept", False, ()))
PROVIDER = {"USE_LEGACY_SUPABASE": "false", "USE_REPOSITORY_PATTERN": "true"}
FLAGS = {**PROVIDER, "LOG_LEVEL": "info"}
CONNECTION = {
    "NODE_EXTRA_CA_CERTS": "/ca",
    "POSTGRES_HOST": "db",
    "POSTGRES_PORT": "5432",
    "POSTGRES_DATABASE": "whatsapp",
    "POSTGRES_USER": "app",
    "POSTGRES_PASSWORD": "x",
}
NEXT = {**CONNECTION, **FLAGS}
ON_FILES = {**NEXT, "USE_REPOSITORY_PATTERN": "false"}
PLAN = Plan(
    version=1,
    rollout_id="one",
    environment="lab",
    host="wa",
    operator="ada",
    reason="",
    description=kinds.description("lab"),
    app_dir=APP,
    service_user="ai-admin",
    pm2_home="/home/x/.pm2",
    service_app="app",
    pm2_apps={"app": "src/server.js"},
    revision=NEW,
    release=f"{APP}/releases/{NEW}",
    entry="src/server.js",
    env_live=f"{APP}/.env",
    env_next=f"{APP}/.env.next",
    flags=FLAGS,
    never_secret=tuple(FLAGS),
    flags_as_read={},
    pm2_environment={},
    pm2_dropped=(),
    companies=("962302",),
    released=(),
    others_answered=True,
    legacy_directories=(LIVE, BACKUP),
    database=Database("db", 5432, "whatsapp", "app", "x", "verify-full", None),
    gate=Gate("http://127.0.0.1:1/status", 9, 1, "not checked", "required"),
    archive=Archive("/b", (), 180),
    backup=None,
    remove_after_days=0,
    kill_timeout_ms=15000,
    minimum_free_mb=1,
    releases_kept=5,
    alarm_command=None,
)
BEFORE = Seen(
    current=None,
    running=True,
    directory=APP,
    environment={},
    env_live=ON_FILES,
    env_next=NEXT,
    env_same=False,
    legacy=(LegacySeen(LIVE, True, {"962302": 1313}), LegacySeen(BACKUP, True)),
    database={"962302": InDatabase(False, 0)},
    status={"companies": {"962302": {"provider": "files", "credentials": True, "keys": 1313}}},
)
AFTER = replace(
    BEFORE,
    current=PLAN.release,
    directory=PLAN.release,
    env_live=NEXT,
    env_same=True,
    legacy=(LegacySeen(LIVE, False), LegacySeen(BACKUP, False)),
    database={"962302": InDatabase(True, 1313)},
)
