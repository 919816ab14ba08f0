"""ai-admin on a host, as its team runs it: the states that a rollout of it begins from."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from lab.fleet import hosts
from lab.profiles import profiles
from lab.profiles.ai_admin import install
from lab.profiles.ai_admin.stand_ins import STATE
from lab.profiles.database_by_hand import run_sql
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import APP_DIR, PEER_DIR, PM2_APP, TOOLS_DIR
from tests.lab import rig

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="boots hosts, which needs root")

LIVE = f"{APP_DIR}/baileys_sessions/company_{install.COMPANY}"
COUNT = "SELECT company_id, count(*) FROM whatsapp_keys GROUP BY 1 ORDER BY 1;"


def service() -> AsRoot:
    """The service's host."""
    return AsRoot(hosts.get(rig.SERVICE_HOST))


def sql(text: str) -> str:
    """What PostgreSQL's superuser sees in the service's database."""
    return run_sql(hosts.get(rig.DATABASE_HOST), text, install.DATABASE)


def apps() -> dict[str, dict[str, Any]]:
    """What root's PM2 says, by app."""
    listed = json.loads(install.run(service(), "pm2 jlist"))
    return {app["name"]: app for app in listed}


def settled(once: set[str]) -> dict[str, dict[str, Any]]:
    """The same, when those that work once and end have done so, and all others run."""
    give_up = time.monotonic() + 60
    while True:
        seen = apps()
        ended = {name for name, app in seen.items() if app["pm2_env"]["status"] != "online"}
        if ended == once:
            return seen
        assert time.monotonic() < give_up, ended
        time.sleep(1)


def talk(command: str) -> list[str]:
    """One command of the conversation, in the checkout; the texts that it read."""
    tool = f"LAB_KIND=ai-admin node {TOOLS_DIR}/conversation.mjs"
    return list(json.loads(install.run(service(), f"{tool} {command}")).get("texts", []))


@rig.only_in_soak
def test_on_files(lab: None) -> None:
    """Ten apps of root, a checkout in place, root's crontab, one role; after a power cut too."""
    profiles.reset("ai-admin-on-files")
    talk(f"peer-encrypt --text before --out {PEER_DIR}/message.json")
    install.run(service(), f"sync; truncate --size=0 logs/{PM2_APP}-out*.log")
    hosts.power_cut(rig.SERVICE_HOST)
    company = f"for company {install.COMPANY}"
    install.require(service(), f"Using file auth state {company}", f"WhatsApp connected {company}")
    running = settled({"whatsapp-backup-service", "ai-admin-key-statistics"})
    assert len(running) == 10
    env = running[PM2_APP]["pm2_env"]
    assert (
        env["pm_cwd"] == APP_DIR and env["pm_exec_path"] == f"{APP_DIR}/scripts/baileys-service.js"
    )
    assert int(rig.sh(f"ls {LIVE} | wc -l")) == 1313 + 1
    assert rig.sh("crontab -l").count("scripts/baileys-") == 2
    assert rig.sh(f"stat -c %a:%U {APP_DIR}/.env") == "600:root\n"
    assert rig.sh(f"cd {APP_DIR} && git status --porcelain") == ""
    assert rig.sh(f"ls {APP_DIR}/whatsapp-backups | wc -l") != "0\n"
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public';"
    assert sql(owners) == f"{install.ROLE}\n" and sql(COUNT) == ""
    install.run(service(), f"pm2 stop {PM2_APP}")
    read = talk(f"service-decrypt --provider files --in {PEER_DIR}/message.json")
    assert read == ["before", "before"]


@rig.only_in_soak
def test_on_supabase(lab: None) -> None:
    """No flag says where the sessions are; nothing of them is on this host or in its database."""
    profiles.reset("ai-admin-on-supabase")
    assert "USE_LEGACY_SUPABASE" not in rig.sh(f"cat {APP_DIR}/.env")
    install.require(service(), f"WhatsApp connected for company {install.COMPANY}")
    assert sql(COUNT) == "" and int(rig.sh(f"ls {LIVE} | wc -l")) == 1313 + 1


@rig.only_in_soak
def test_on_database(lab: None) -> None:
    """It has lived: more keys than files, many of them over, and the conversation goes on from the rows."""
    profiles.reset("ai-admin-on-database")
    company, _, number = sql(COUNT).strip().partition("|")
    assert company == install.COMPANY and int(number) > 1313
    over = (
        "SELECT count(*) FILTER (WHERE expires_at < now()), count(expires_at) FROM whatsapp_keys;"
    )
    expired, expiring = map(int, sql(over).split("|"))
    assert expired > 500 and expiring == int(number)
    talk(f"peer-sends --text later --out {STATE}/mail/A1.json")
    install.require(service(), "from 200000090000001@lid: later")


@rig.only_in_soak
def test_renamed(lab: None) -> None:
    """The rows are of another name than the directory."""
    profiles.reset("ai-admin-renamed")
    install.require(service(), "WhatsApp connected", company=f"company_{install.COMPANY}")
    assert sql(COUNT).startswith(f"company_{install.COMPANY}|")
    assert rig.sh(f"ls -d {LIVE}")
