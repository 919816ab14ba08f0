"""Profiles of ai-admin whose sessions left the files by its own writer, while the files lie about."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lab.machine.remote import Host
from lab.profiles import on_database
from lab.profiles.ai_admin import install, stand_ins
from lab.profiles.ai_admin.install import COMPANY, DATABASE, ROLE
from lab.profiles.database_by_hand import run_sql
from lab.profiles.on_database import AGED_DIR
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import APP_DIR, PEER_DIR, PM2_APP, unpack
from lab.profiles.service_repository import SOURCES

# The index that INCLUDEs the value would have stopped the keys on their way: theirs from before it.
_OTHER_INDEX = f"""
SET ROLE {ROLE};
DROP INDEX idx_whatsapp_keys_covering;
CREATE INDEX idx_whatsapp_keys_company_type ON whatsapp_keys (company_id, key_type);
"""
# As the writer does it. The job that deletes what is over has not run: the API is restarted more
# often than every six hours, and its timer begins anew each time.
_EXPIRY = """
SET session_replication_role = replica;
UPDATE whatsapp_keys SET expires_at = updated_at + CASE
    WHEN key_type IN ('lid-mapping', 'pre-key', 'session', 'sender-key') THEN interval '7 days'
    ELSE interval '14 days' END;
"""
_RENAMED = f"""
UPDATE whatsapp_auth SET company_id = 'company_' || company_id WHERE company_id = '{COMPANY}';
UPDATE whatsapp_keys SET company_id = 'company_' || company_id WHERE company_id = '{COMPANY}';
"""


def to_supabase(hosts: Sequence[Host]) -> None:
    """Bring hosts in `ai-admin-on-files` to `ai-admin-on-supabase`: no flag says where the sessions are.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run on Supabase at the end.
    """
    service = AsRoot(host_of(hosts, "service"))
    _stop(service)
    lines = stand_ins.supabase(host_of(hosts, "database"))
    service.run(f"sed -i '/^USE_LEGACY_SUPABASE=/d' {APP_DIR}/.env")
    service.run(f"cat >> {APP_DIR}/.env", lines.encode())
    _move(service)
    install.run(service, f"pm2 start {PM2_APP} && pm2 save")
    _require(service, "Using legacy Supabase auth state", "Credentials loaded from Supabase")


def to_database(hosts: Sequence[Host]) -> None:
    """Bring hosts in `ai-admin-on-files` to `ai-admin-on-database`: eleven days later.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run on PostgreSQL at the end.
    """
    service, database = AsRoot(host_of(hosts, "service")), host_of(hosts, "database")
    _stop(service)
    run_sql(database, _OTHER_INDEX, DATABASE)
    flag = "USE_DATABASE_AUTH_STATE"
    service.run(f"sed -i 's/^{flag}=.*/{flag}=true/' {APP_DIR}/.env")
    _move(service)
    live = f"LAB_KIND=ai-admin node {AGED_DIR}/live.mjs {PEER_DIR}/peer.json"
    lived = json.loads(install.run(service, live))
    run_sql(database, on_database.SPREAD % json.dumps(lived["days"]), DATABASE)
    run_sql(database, _EXPIRY, DATABASE)
    install.run(service, f"pm2 start {PM2_APP} && pm2 save")
    _require(service, "Using PostgreSQL auth state", "Credentials loaded")


def rename(hosts: Sequence[Host]) -> None:
    """Bring hosts in `ai-admin-on-database` to `ai-admin-renamed`: rows of `company_962302`, files as before.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run as that company at the end.
    """
    service = AsRoot(host_of(hosts, "service"))
    _stop(service)
    run_sql(host_of(hosts, "database"), _RENAMED, DATABASE)
    name = f"company_{COMPANY}"
    service.run(f"sed -i s/{COMPANY}/{name}/ {APP_DIR}/ecosystem.config.js")
    install.run(service, f"pm2 delete {PM2_APP} && pm2 start ecosystem.config.js --only {PM2_APP}")
    install.run(service, "pm2 save")
    _require(service, "Using PostgreSQL auth state", "Credentials loaded", company=name)


def _stop(service: AsRoot) -> None:
    """Stop the one app, and let its log begin anew."""
    install.run(service, f"pm2 stop {PM2_APP} && truncate --size=0 logs/{PM2_APP}-out*.log")


def _move(service: AsRoot) -> None:
    unpack(service, SOURCES / "aged", AGED_DIR)
    tool = f"{AGED_DIR}/move-to-postgres.mjs"
    install.run(service, f"LAB_KIND=ai-admin node {tool} {PEER_DIR}/keys.json")


def _require(service: AsRoot, *lines: str, company: str = COMPANY) -> None:
    lines = (*lines, "WhatsApp connected")
    install.require(service, *[f"{line} for company {company}" for line in lines], company=company)
