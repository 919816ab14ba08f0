"""All directories that are set aside."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from hostswitch.decide.due import Removal, judge
from hostswitch.directories import aside
from hostswitch.host import Host
from hostswitch.plan import LegacyDirectory, with_names
from sessionstore.removal.delete import HALF_REMOVED


@dataclass(frozen=True)
class SetAside:
    rollout_id: str
    name: str
    declared: LegacyDirectory | None
    removal: Removal
    archive: str
    manifest: str

    @property
    def shown(self) -> str:
        return f"{aside.PLACE}/{self.rollout_id}/{self.name}"


def all_set_aside(host: Host) -> list[SetAside]:
    lines = host.history.lines()
    declared = with_names(host.plan.legacy_directories)
    found = []
    for rollout_id, names in aside.listed(host.plan.app_dir).items():
        removal = judge(
            lines, rollout_id, host.plan.remove_after_days, time.time(), host.plan.rollout_id
        )
        for name in sorted({name.removesuffix(HALF_REMOVED) for name in names}):
            base = os.path.join(host.plan.archive.directory, rollout_id, name)
            archive, manifest = f"{base}.tar.zst.age", f"{base}.manifest.jsonl"
            found.append(SetAside(rollout_id, name, declared.get(name), removal, archive, manifest))
    return found
