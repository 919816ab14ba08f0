"""One act of the session store, alone in its process: its seconds and its peak memory.

Reads one JSON document on standard input, writes one on standard output. Imports nothing but
``sessionstore``, so that it also runs with the host program as its only library.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from sessionstore.archive.manifest import read_manifest
from sessionstore.database import imports
from sessionstore.database.connection import connect
from sessionstore.disk.opening import closing, open_directory
from sessionstore.disk.walk import Tree
from sessionstore.importing import stage, states
from sessionstore.importing.proof import prove
from sessionstore.judgement.activity import STOPPED, Activity
from sessionstore.removal import remove
from sessionstore.removal.second_proof import account_again
from sessionstore.scan.scan import scan_directory


def _import(plan: dict[str, Any]) -> None:
    """List, read, decode, check, hash, copy, record, commit."""
    with (
        connect(plan["database"]) as conn,
        scan_directory(plan["directory"], contents=False) as scan,
    ):
        stage.stage(conn, scan, plan["company"], "bench", "bench")


def _prove(plan: dict[str, Any]) -> None:
    """Read every file again and compare with every row as read back; a removal wants it active."""
    import_id = imports.import_id_for("bench", "bench", plan["company"])
    with connect(plan["database"]) as conn, scan_directory(plan["directory"]) as scan:
        proof = prove(conn, import_id, scan)
    if not proof.ok:
        sys.exit(f"not proven: {proof.mismatches[:3]}")
    with connect(plan["database"]) as conn:
        states.activate(conn, import_id)


def _remove(plan: dict[str, Any]) -> None:
    """Prove against archive and database again, and delete."""
    parent, name = os.path.split(plan["directory"])

    def objections(fd: int, tree: Tree) -> tuple[str, ...]:
        companies = [plan["company"]]
        decision = account_again(
            conn, fd, tree, name, "live", company_ids=companies, activity=Activity(STOPPED)
        ).decision
        return () if decision.removable else decision.reasons

    manifest = read_manifest(plan["manifest"])
    with connect(plan["database"]) as conn, closing(open_directory(parent)) as fd:
        remove.remove(fd, name, manifest=manifest, objections=objections)


def _import_and_prove(plan: dict[str, Any]) -> None:
    _import(plan)
    _prove(plan)


_ACTS = {
    "import": _import,
    "prove": _prove,
    "remove": _remove,
    "import and prove": _import_and_prove,
}


def main() -> None:
    """Do what standard input says."""
    plan = json.load(sys.stdin)
    started = time.perf_counter()
    _ACTS[plan["act"]](plan)
    seconds = time.perf_counter() - started
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak_mb": peak / 1024}))


if __name__ == "__main__":
    main()
