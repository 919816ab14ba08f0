"""Commands about encrypted archives of directories."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from sessionstore import archive
from sessionstore.commands.shared import OK, actions_of, emit
from sessionstore.descriptors import closing, open_directory


def add(commands: Any) -> None:
    """Add these commands.

    Args:
        commands: the parser's commands.
    """
    archives = commands.add_parser("archive", help="encrypted archives of directories")
    actions = actions_of(archives)
    create = actions.add_parser("create", help="archive a directory")
    create.add_argument("directory")
    create.add_argument("--out", required=True, help="an existing directory")
    create.add_argument("--name", required=True, help="of the archive")
    create.add_argument("--recipient", action="append", required=True, help="age recipient")
    create.set_defaults(run=_archive_create)
    check = actions.add_parser("check", help="open an archive and compare all of it")
    check.add_argument("archive", help="the file, or - for standard input")
    check.add_argument("--manifest", required=True)
    check.add_argument("--identity", required=True, help="file with an age identity")
    check.set_defaults(run=_archive_check)
    verify = actions.add_parser("verify", help="hash an archive on the disk again")
    verify.add_argument("archive")
    verify.add_argument("--manifest", required=True)
    verify.set_defaults(run=_archive_verify)


def _archive_create(arguments: argparse.Namespace) -> int:
    with closing(open_directory(arguments.directory)) as fd:
        report = archive.create(fd, arguments.out, arguments.name, arguments.recipient)
    emit("result", outcome="reused" if report.reused else "archived", **asdict(report))
    return OK


def _archive_check(arguments: argparse.Namespace) -> int:
    report = archive.check(arguments.archive, arguments.manifest, arguments.identity)
    emit("result", outcome="checked", **asdict(report))
    return OK


def _archive_verify(arguments: argparse.Namespace) -> int:
    manifest = archive.verify_on_disk(arguments.archive, arguments.manifest)
    emit("result", outcome="verified on disk", files=manifest.files, bytes=manifest.bytes)
    return OK
