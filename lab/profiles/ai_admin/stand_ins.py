"""What the service reaches over the network, on the lab's own hosts: WhatsApp, and Supabase."""

from __future__ import annotations

import secrets

from lab.machine.remote import Host
from lab.profiles.ai_admin.repository import SOURCES
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import APP_DIR, unpack

_WHATSAPP, _SUPABASE = "/srv/lab-whatsapp", "/srv/lab-supabase"
_PORT = {"whatsapp": 8430, "supabase": 8431}
STATE = "/var/lib/lab-whatsapp"
_UNIT = """\
[Unit]
Description={what} of the lab
After=network.target

[Service]
DynamicUser=yes
StateDirectory={name}
WorkingDirectory=/srv/{name}
ExecStart={command}
Restart=always
{more}
[Install]
WantedBy=multi-user.target
"""


def whatsapp(host: AsRoot) -> str:
    """Start WhatsApp, on the libraries of the checkout; what the service's `.env` says of it."""
    unpack(host, SOURCES.parent / "whatsapp", _WHATSAPP)
    host.run(f"cp -r {APP_DIR}/node_modules {APP_DIR}/package.json {_WHATSAPP}")
    command = f"/usr/bin/node whatsapp.mjs 127.0.0.1 {_PORT['whatsapp']} {STATE}"
    _start(host, "lab-whatsapp", "WhatsApp", command)
    # It writes the key before it listens.
    wait = f"for i in $(seq 100); do [ -s {STATE}/key.pub ] && break; sleep 0.1; done"
    key = host.run(f"{wait}; cat {STATE}/key.pub").decode()
    where = f"ws://127.0.0.1:{_PORT['whatsapp']}/"
    return f"LAB_WHATSAPP_URL={where}\nLAB_WHATSAPP_KEY={key}\n"


def supabase(database: Host) -> str:
    """Start Supabase where the databases are; what the service's `.env` says of it."""
    host = AsRoot(database)
    unpack(host, SOURCES.parent / "supabase", _SUPABASE)
    key = secrets.token_urlsafe(24)
    host.run("umask 077 && cat > /etc/lab-supabase", f"SUPABASE_KEY={key}\n".encode())
    command = f"/usr/bin/python3 supabase.py 0.0.0.0 {_PORT['supabase']} /var/lib/lab-supabase/rows"
    _start(host, "lab-supabase", "Supabase", command, "EnvironmentFile=/etc/lab-supabase\n")
    return f"SUPABASE_URL=http://{database.name}:{_PORT['supabase']}\nSUPABASE_KEY={key}\n"


def _start(host: AsRoot, name: str, what: str, command: str, more: str = "") -> None:
    text = _UNIT.format(name=name, what=what, command=command, more=more)
    host.run(f"cat > /etc/systemd/system/{name}.service", text.encode())
    host.run(f"systemctl enable --now --quiet {name}")
