"""The command that explains what becomes of one file or directory, and why."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionstore.commands.account import accounted, shown, with_holders
from sessionstore.commands.output import CHANGES, OK, emit
from sessionstore.commands.plan import layout_of, read_plan, takes_plan
from sessionstore.disk.holders import seen_at_file, seen_in_directory
from sessionstore.errors import BadFile, DirectoryProblem, printable
from sessionstore.judgement.activity import Activity, evidence, obstacles
from sessionstore.judgement.directory import LIVE
from sessionstore.judgement.file import EQUAL, OUTCOMES, UNEXPLAINED, Disposition
from sessionstore.judgement.lineage import DESCENDS, FILE_AHEAD, compare
from sessionstore.judgement.remedies import FoundFile, of_directory, of_file
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.names import CREDENTIALS
from sessionstore.retention.archives import SEALED
from sessionstore.scan.layout import original_of
from sessionstore.scan.result import DirectoryScan
from sessionstore.scan.scan import scan_directory
from sessionstore.scan.session_file import read_session_file
from sessionstore.scan.table import ARTEFACT, CREDS, ONLY_COPY, UNKNOWN, FileEntry

if TYPE_CHECKING:
    from sessionstore.database.connection import Connection
    from sessionstore.removal.account import Accounting

_ABOUT = """\
Says of one file or directory what was found, what is decided, why, and what would change it.
Changes nothing."""
_MOST_NAMED = 10
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_KINDS = {CREDS: "the credentials", ARTEFACT: "an artefact", UNKNOWN: "an unknown file"}
_KINDS |= {ONLY_COPY: "a copy"}


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="what becomes of one file or directory, and why",
        description=_ABOUT,
        epilog="exit codes: 0 it may go once archived, 2 it blocks, 3 nothing that can be judged",
    )
    parser.add_argument("path", help="the file or directory; not a symlink")
    optional = ("kind", "companies", "named", "litter", "service", "acknowledge")
    takes_plan(parser, _explain, optional=optional, by_option=False)


def _explain(arguments: argparse.Namespace) -> int:
    from sessionstore.database import connection

    plan = read_plan(arguments)
    path = _place(arguments.path)
    whole = os.path.isdir(path) and not os.path.islink(path)
    with connection.connect(plan["database"]) as conn:
        sight = seen_in_directory(path) if whole else seen_at_file(path)
        activity = with_holders(plan, sight)
        looked_at = path if whole else os.path.dirname(path)
        with scan_directory(looked_at, layout=layout_of(plan)) as scan:
            answer = accounted(conn, scan, plan.get("kind", LIVE), plan, activity)
            if whole:
                return _directory(path, answer, activity)
            return _file(conn, path, scan, answer, activity)


def _place(given: str) -> str:
    """The whole path of something that is there, and in no archive."""
    if not given:
        raise DirectoryProblem("an empty text is no path", "", "Name a file or a directory.")
    path = os.path.abspath(given)
    upwards = map(str, (Path(path), *Path(path).parents))
    sealed = next((one for one in upwards if one.endswith(SEALED)), None)
    if sealed is not None and os.path.isfile(sealed):
        remedy = f"Get it out first: archive extract {sealed} --to A_NEW_DIRECTORY"
        raise DirectoryProblem("what an archive holds is encrypted", sealed, remedy)
    if not os.path.lexists(path):
        remedy = "A directory that was set aside or archived is elsewhere: archive list DIR"
        raise DirectoryProblem("there is no such file or directory", path, remedy)
    return path


def _directory(path: str, answer: Accounting, activity: Activity) -> int:
    decision = answer.decision
    change = of_directory(decision, obstacles(activity, live=decision.kind == LIVE))
    outcome = "removable" if decision.removable else "blocked"
    companies = [
        {
            "directory": one.directory,
            "company": one.company_id,
            "files": one.files,
            "lineage": one.verdict.relation if one.verdict else None,
            "evidence": one.verdict.reason if one.verdict else None,
        }
        for one in answer.companies
    ]
    fields = {**asdict(decision), **shown(activity), "companies": companies}
    emit("result", path=path, outcome=outcome, **fields, would_change=change)
    counts = ", ".join(f"{count:,} {name}" for name, count in decision.counts.items())
    lineages = [
        f"company {one['company'] or '?'}: files: {one['files']:,};"
        f" {one['evidence'] or 'no creds.json that can be used'}"
        for one in companies
    ]
    _tell(
        path,
        {
            "found": [
                f"a {decision.kind} directory: {counts or 'empty'}",
                *_first(lineages, "companies"),
            ],
            "service": evidence(activity),
            "decided": [outcome],
            "why": _first(decision.reasons, "reasons") or ["every file is accounted for"],
            "would change it": [change],
        },
    )
    return OK if decision.removable else CHANGES


def _first(lines: Sequence[str], what: str) -> list[str]:
    more = len(lines) - _MOST_NAMED
    return [*lines[:_MOST_NAMED], *([f"… and {more:,} more {what}"] if more > 0 else [])]


def _file(
    conn: Connection, path: str, scan: DirectoryScan, answer: Accounting, activity: Activity
) -> int:
    name = os.path.basename(path)
    here = [one for company in scan.companies if company.directory == "." for one in company.files]
    entry = next((one for one in [*here, *scan.others] if one.name == name), None)
    problem = next((one for one in scan.every_problem if one.where == name), None)
    if entry is None:
        detail = f"{problem.kind}: {problem.detail}" if problem else "not a regular file"
        remedy = "Name a regular file, or the directory that it lies in."
        raise DirectoryProblem(f"not a file that can be judged ({detail})", path, remedy)
    company = next((one for one in answer.companies if one.directory == "."), None)
    there = _in_database(conn, company.company_id if company else None, entry)
    own = next((one for one in answer.dispositions if one.file == name), None)
    own = own or Disposition(name, EQUAL, OUTCOMES[EQUAL])
    verdict = company.verdict if company else None
    in_the_way = obstacles(activity, live=answer.decision.kind == LIVE)
    found = FoundFile(
        entry.kind,
        entry.key,
        problem.kind if problem else None,
        verdict.relation if verdict else None,
        there,
        own.outcome,
        own.way,
    )
    original = original_of(entry.name) if entry.key is None else None
    facts = {
        "company": company.company_id if company else None,
        "kind": entry.kind,
        "key_type": entry.key.key_type if entry.key else None,
        "key_id": entry.key.key_id if entry.key else None,
        "bytes": entry.size,
        "modified": datetime.fromtimestamp(entry.mtime_ns / 1e9, timezone.utc).strftime(_TIME),
        "sha256": entry.sha256,
        "problem": f"{problem.kind}: {problem.detail}" if problem else None,
        "copy": _newer_of(scan.fd, entry.name, original) if original else None,
        "in_database": there,
        "lineage": found.relation,
        "evidence": verdict.reason if verdict else None,
        "outcome": own.outcome,
        "reason": own.reason,
        **shown(activity),
        "obstacles": [one.reason for one in in_the_way],
        "would_change": of_file(found, in_the_way),
    }
    emit("result", path=path, **facts)
    _tell(path, _sentences(facts, activity))
    return CHANGES if own.outcome == UNEXPLAINED or in_the_way else OK


def _sentences(facts: Mapping[str, Any], activity: Activity) -> dict[str, Sequence[str]]:
    what = f"{facts['key_type']} {facts['key_id']}" if facts["key_type"] else _KINDS[facts["kind"]]
    found = f"{what} of company {facts['company'] or '?'}, {facts['bytes']:,} bytes, written"
    return {
        "found": [f"{found} {facts['modified']}", *filter(None, [facts["problem"], facts["copy"]])],
        "database": [
            "has a row of it" if facts["in_database"] else "has no row of it",
            *filter(None, [facts["evidence"]]),
        ],
        "service": evidence(activity),
        "decided": [
            f"{facts['outcome']}: {OUTCOMES[facts['outcome']]}",
            *(["it has to stay for now"] if facts["obstacles"] else []),
        ],
        "why": [facts["reason"], *_first(facts["obstacles"], "processes")],
        "would change it": [facts["would_change"]],
    }


def _in_database(conn: Connection, company_id: str | None, entry: FileEntry) -> bool:
    from sessionstore.database.companies import read_credentials, read_value

    if company_id is None:
        return False
    if entry.key is not None:
        return read_value(conn, company_id, entry.key) is not None
    return entry.kind == CREDS and read_credentials(conn, company_id) is not None


def _tell(path: str, parts: Mapping[str, Sequence[str]]) -> None:
    print(printable(path), file=sys.stderr)
    for title, lines in parts.items():
        head = f"  {title}"
        for line in lines:
            text = textwrap.fill(
                printable(line), 78, initial_indent=f"{head:<18}", subsequent_indent=" " * 18
            )
            print(text, file=sys.stderr)
            head = ""


def _newer_of(fd: int, name: str, original: str) -> str:
    """Tell which of a copy and its original is newer: by the credentials' counters, else by time."""
    try:
        copy, own = read_session_file(fd, name), read_session_file(fd, original)
        if copy.value_sha256 == own.value_sha256:
            return f"{name} and {original} hold the same value: neither is newer"
        if original == CREDENTIALS:
            verdict = compare(credentials_of(copy.value), credentials_of(own.value))
            if verdict.relation in (DESCENDS, FILE_AHEAD):
                newer = original if verdict.relation == DESCENDS else name
                counters = verdict.reason.replace("in the file", f"in {name}")
                return f"{newer} is newer: {counters.replace('in the database', f'in {original}')}"
    except BadFile as trouble:
        return f"{name} and {original} can't be compared: {trouble}"
    times = copy.status.st_mtime_ns - own.status.st_mtime_ns
    if not times:
        return f"{name} and {original} differ, and were written at the same time"
    return f"{name if times > 0 else original} is newer by the files' times; they differ"
