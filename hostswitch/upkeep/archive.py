"""Archives of what is set aside."""

from __future__ import annotations

import os
from typing import Any

from hostswitch.base.output import progress
from hostswitch.directories import aside
from hostswitch.directories.aside import SetAside, all_set_aside
from hostswitch.host import Host
from hostswitch.record.journal import demand_none_open
from sessionstore.archive import create
from sessionstore.disk.opening import closing, open_beneath
from sessionstore.errors import StoreError


def to_archive(host: Host) -> dict[str, Any]:
    missing = [item for item in all_set_aside(host) if not os.path.exists(item.archive)]
    return {"changes": [f"archive {item.shown}" for item in missing]}


def archive_all(host: Host) -> dict[str, Any]:
    """Archive every set-aside directory that has no archive yet."""
    demand_none_open(host.places)
    done = [_archived(host, item) for item in all_set_aside(host)]
    done = [report for report in done if report]
    new = [one for one in done if not one["reused"]]
    if new:
        host.history.add("archived", rollout_id=host.plan.rollout_id, archives=new)
    return {"outcome": "archived" if new else "nothing to do", "archives": done}


def _archived(host: Host, item: SetAside) -> dict[str, Any]:
    target = os.path.dirname(item.archive)
    os.makedirs(target, mode=0o700, exist_ok=True)
    with aside.opened(host.plan.app_dir, item.rollout_id) as (_, place):
        try:
            opened = open_beneath(place, item.name)
        except StoreError:
            return {}  # Its removal was cut off half way; it was archived before that.
        progress(f"archive {item.name}")
        with closing(opened) as directory:
            report = create.create(directory, target, item.name, host.plan.archive.recipients)
    return {
        "name": item.name,
        "set_aside_by": item.rollout_id,
        "archive": report.archive,
        "manifest": report.manifest,
        "files": report.files,
        "bytes": report.bytes,
        "archive_bytes": report.archive_bytes,
        "sha256": report.archive_sha256,
        "manifest_sha256": report.manifest_sha256,
        "reused": report.reused,
    }
