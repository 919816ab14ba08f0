"""Commands that compare session files with the database and change neither."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from sessionstore.commands.shared import CHANGES, OK, emit, read_plan, takes_plan
from sessionstore.scan import scan_directory


def add(commands: Any) -> None:
    """Add these commands.

    Args:
        commands: the parser's commands.
    """
    for name, run, text in (
        ("account", _account, "account for every file against the database"),
        ("prove", _prove, "prove that an import is equal to its files, now"),
    ):
        takes_plan(commands.add_parser(name, help=text), run)


def _account(_: argparse.Namespace) -> int:
    from sessionstore import accounting, database

    plan = read_plan("directory", "kind")
    with database.connect(plan["database"]) as conn, scan_directory(plan["directory"]) as scan:
        answer = accounting.account(
            conn,
            scan,
            plan["kind"],
            company_ids=plan.get("companies", []),
            acknowledge=plan.get("acknowledge"),
        )
    for disposition in answer.dispositions:
        emit("file", **asdict(disposition))
    decision = answer.decision
    outcome = "removable" if decision.removable else "blocked"
    emit("result", outcome=outcome, directory=plan["directory"], **asdict(decision))
    return OK if decision.removable else CHANGES


def _prove(_: argparse.Namespace) -> int:
    from sessionstore import database, importing

    plan = read_plan("directory", "import_id")
    with database.connect(plan["database"]) as conn, scan_directory(plan["directory"]) as scan:
        proof = importing.prove(conn, plan["import_id"], scan)
    emit("result", outcome="proven" if proof.ok else "not proven", **asdict(proof))
    return OK if proof.ok else CHANGES
