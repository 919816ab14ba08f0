"""Hosts as they are found, and a disk that fills up after the stop: refused, switched or put back."""

from __future__ import annotations

import shlex

from lab.profiles.service_install import APP_DIR, USER
from tests.lab import rig

PM2_HOME = f"/home/{USER}/.pm2"


def linked(path: str) -> tuple[str, str, str]:
    """Move a directory to a data volume and leave a link; and back; and what the remedy says."""
    there = f"mkdir -p /srv/volume && mv {path} /srv/volume/it && ln -s /srv/volume/it {path}"
    return there, f"rm {path} && mv /srv/volume/it {path}", "mount --bind"


SET_UPS = {
    PM2_HOME: linked(PM2_HOME),
    APP_DIR: linked(APP_DIR),
    f"{APP_DIR}/releases": linked(f"{APP_DIR}/releases"),
    f"{APP_DIR}/.set-aside": (
        f"mkdir -m 700 {APP_DIR}/.set-aside && chown -R {USER}: {APP_DIR}/.set-aside",
        f"rmdir {APP_DIR}/.set-aside",
        "chown -h root:",
    ),
}
# Everything that is free, as soon as the service is down; gone again before anybody looks.
FILL = """
until grep -q '"step": "stopped", "mark": "stop"' /var/lib/baileys-rollout/journal.jsonl; do
    sleep 0.002
done
dd if=/dev/zero of=/root/others bs=1M || dd if=/dev/zero of=/root/rest bs=1 || true
until [ ! -e /var/lib/baileys-rollout/journal.jsonl ]; do sleep 0.1; done
rm -f /root/others /root/rest
"""


def test_no_set_up_leaves_the_service_stopped(at_staged: None) -> None:
    """Each of them passed preflight once, and was found out with the service down."""
    for path, (harm, mend, remedy) in SET_UPS.items():
        rig.sh(harm)
        for command in ("plan", "apply") if rig.SOAK else ("plan",):
            told = rig.rollout(command, "lab", "--host", rig.SERVICE_HOST)
            said = " ".join(told.stdout.split())
            assert (told.returncode, path in said, remedy in said) == (1, True, True), said
        assert rig.status()["provider"] == "files"
        rig.sh(mend)
    filling = ("systemd-run", "--unit=filling", "sh", "-c", FILL)
    rig.sh(shlex.join(filling))
    applied = rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST)
    rig.sh("systemctl stop filling; rm -f /root/others /root/rest")
    provider = rig.status()["provider"]
    assert provider == ("postgres" if applied.returncode == 0 else "files"), applied.stdout
    assert applied.returncode == 0 or "put back" in applied.stdout
    assert rig.rollout("apply", "lab", "--host", rig.SERVICE_HOST).returncode == 0
    assert rig.status()["provider"] == "postgres"
