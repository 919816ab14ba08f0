"""Commands about encrypted archives of directories."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict
from typing import Any

from sessionstore.archive import create as archive
from sessionstore.archive import extract as extraction
from sessionstore.archive.check import check
from sessionstore.archive.sealed import verify_on_disk
from sessionstore.commands.output import CHANGES, OK, UsageError, actions_of, emit, tell
from sessionstore.commands.plan import read_plan, takes_plan
from sessionstore.disk.opening import closing, open_directory
from sessionstore.errors import printable
from sessionstore.keys.names import DIRECTORY
from sessionstore.retention import rules
from sessionstore.retention.archives import DAMAGED, GONE, MISSING, Archive, look

_ABOUT = "NAME.tar.zst.age is a tar stream, compressed and encrypted; NAME.manifest.jsonl lists it."


def add(commands: Any) -> None:
    archives = commands.add_parser(
        "archive", help="encrypted archives of directories", description=_ABOUT
    )
    actions = actions_of(archives)
    _add_making(actions)
    _add_opening(actions)
    _add_keeping(actions)


def _add_making(actions: Any) -> None:
    create = actions.add_parser(
        "create",
        help="archive a directory",
        description="Archives a directory and checks what lies on the disk. Deletes nothing."
        " An archive of this name and of the same contents is kept; of others, refused.",
        epilog="exit codes: 0 archived or there already, 1 error, 3 no such directory, 6 another"
        " run is writing there",
    )
    create.add_argument("directory", help="what to archive; not a symlink")
    create.add_argument("--out", required=True, help="an existing directory, for two files")
    create.add_argument("--name", required=True, help="of the archive, without an ending")
    create.add_argument("--recipient", action="append", required=True, help="age recipient")
    create.set_defaults(run=_archive_create)


def _add_opening(actions: Any) -> None:
    check = actions.add_parser(
        "check",
        help="open an archive and compare all of it",
        description="Decrypts an archive and compares every file in it with its manifest; writes"
        " nothing to the disk.",
        epilog="exit codes: 0 it is what its manifest says, 1 it is not, or can't be opened",
    )
    _takes_archive(check, opened=True)
    check.set_defaults(run=_archive_check)
    verify = actions.add_parser(
        "verify",
        help="hash an archive on the disk again",
        description="Hashes an archive as it lies on the disk; wants no identity.",
        epilog="exit codes: 0 it is what its manifest says, 1 it is not",
    )
    _takes_archive(verify, opened=False)
    verify.set_defaults(run=_archive_verify)
    extract = actions.add_parser(
        "extract",
        help="get a directory back out of its archive, exactly",
        description="Builds the directory under another name, compares all of it with the"
        " manifest, and renames it: there is all of it or nothing. Never writes over anything.",
        epilog="exit codes: 0 it is there, 1 the archive can't be opened or is damaged, 3 refused,"
        " 6 another run is extracting it",
    )
    _takes_archive(extract, opened=True)
    extract.add_argument("--to", required=True, help="a directory that is not there yet")
    extract.set_defaults(run=_archive_extract)


def _takes_archive(parser: argparse.ArgumentParser, *, opened: bool) -> None:
    which = "the file, or - for standard input" if opened else "the file NAME.tar.zst.age"
    parser.add_argument("archive", help=which)
    parser.add_argument("--manifest", required=True, help="the file NAME.manifest.jsonl")
    if opened:
        parser.add_argument("--identity", required=True, help="file with an age identity")


def _add_keeping(actions: Any) -> None:
    listing = actions.add_parser(
        "list",
        help="what is kept in a directory of archives",
        description="Lists the archives below a directory: how old, how large, in which state.",
        epilog="exit codes: 0 none is damaged or missing, 2 some are",
    )
    listing.add_argument("directory", help="where archives are kept, such as archive_directory")
    listing.add_argument("--verify", action="store_true", help="hash each of them again")
    listing.set_defaults(run=_archive_list)
    prune = actions.add_parser(
        "prune",
        help="delete archives and backups past their keep time that are safe elsewhere",
        description="Deletes no archive by its age alone: the credentials in it must be the ones"
        " that the database was imported from, or be in a later archive that is whole.",
        epilog="exit codes: 0 done or nothing to do, 2 --dry-run: something would go, 6 another"
        " run is at work there",
    )
    prune.add_argument("directory", help="where archives are kept, such as archive_directory")
    prune.add_argument("--keep-days", type=float, required=True, help="keep each at least so long")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go, and why")
    takes_plan(prune, _archive_prune, optional=("in_use", "named"))


def _archive_create(arguments: argparse.Namespace) -> int:
    with closing(open_directory(arguments.directory)) as fd:
        report = archive.create(fd, arguments.out, arguments.name, arguments.recipient)
    emit("result", outcome="reused" if report.reused else "archived", **asdict(report))
    return OK


def _archive_check(arguments: argparse.Namespace) -> int:
    report = check(arguments.archive, arguments.manifest, arguments.identity)
    emit("result", outcome="checked", **asdict(report))
    return OK


def _archive_verify(arguments: argparse.Namespace) -> int:
    manifest = verify_on_disk(arguments.archive, arguments.manifest)
    emit("result", outcome="verified on disk", files=manifest.files, bytes=manifest.bytes)
    return OK


def _archive_extract(arguments: argparse.Namespace) -> int:
    report = extraction.extract(
        arguments.archive, arguments.manifest, arguments.identity, arguments.to
    )
    emit("result", outcome="extracted", **asdict(report))
    return OK


def _archive_list(arguments: argparse.Namespace) -> int:
    shelf = look(arguments.directory, hashed=arguments.verify)
    now = time.time()
    for one in shelf:
        told = asdict(one)
        emit("archive", archive=told.pop("path"), **told, age_days=_age(one, now))
        age = "?" if one.created is None else f"{_age(one, now):,.0f} d"
        words = f"{age:>7}  {one.archive_bytes:>13,} B  {one.files:>9,} files  {one.state:<8}"
        tell(f"{words}  {printable(one.name or one.manifest)}")
    bad = [one for one in shelf if one.state in (DAMAGED, MISSING)]
    outcome = "damaged" if bad else "listed"
    total = sum(one.archive_bytes for one in shelf if one.state != GONE)
    emit("result", outcome=outcome, archives=len(shelf), bytes=total, bad=len(bad))
    return CHANGES if bad else OK


def _age(one: Archive, now: float) -> float | None:
    return None if one.created is None else round((now - one.created) / rules.DAY, 1)


def _archive_prune(arguments: argparse.Namespace) -> int:
    from sessionstore.retention import prune as pruning

    plan = read_plan(arguments)
    if not 1 <= arguments.keep_days < math.inf:
        raise UsageError("--keep-days must be a number of days, 1 or more")
    done = pruning.prune(
        plan["database"],
        arguments.directory,
        arguments.keep_days,
        frozenset(plan.get("in_use", ())),
        dry_run=arguments.dry_run,
        named=plan.get("named", DIRECTORY),
    )
    for event, decided in (("archive", done.archives), ("backup", done.backups)):
        for one, answer in decided:
            emit(event, **asdict(answer))
            word = "prune" if answer.prune else "keep"
            tell(f"{word}  {printable(one.name or one.manifest)}: {answer.why}")
    gone = sum(answer.prune for answer in done.answers)
    outcome = "nothing to do" if not gone else "would prune" if arguments.dry_run else "pruned"
    emit("result", outcome=outcome, pruned=gone, kept=len(done.answers) - gone)
    return CHANGES if gone and arguments.dry_run else OK
