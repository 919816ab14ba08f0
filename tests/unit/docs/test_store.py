"""The reference of the session store's commands, plans and files is what the code has."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from sessionstore.archive import manifest
from sessionstore.backup import manifest as backup_manifest
from sessionstore.commands import cli
from sessionstore.commands.plan import FIELDS
from sessionstore.retention.archives import discard
from sessionstore.scan.result import PROBLEMS

DOCS = Path(__file__).parents[3] / "docs"


def table(page: str, first: str) -> dict[str, list[str]]:
    """The rows of the table with that heading: first cell to the others."""
    rows = {}
    for line in (DOCS / page).read_text().partition(f"\n| {first} |")[2].splitlines()[2:]:
        if not line.startswith("|"):
            break
        name, *others = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name.strip("`")] = others
    return rows


def leaves(parser: argparse.ArgumentParser, help_text: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, words and exit codes of every command below a parser."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for group in groups:
        words = {one.dest: one.help or "" for one in group._choices_actions}
        for name, child in group.choices.items():
            yield from leaves(child, words[name])
    if not groups:
        codes = " ".join((parser.epilog or "").partition("exit codes: ")[2].split())
        yield parser.prog.removeprefix(f"{cli.CALLED} "), help_text, codes


def test_every_command_with_its_words_and_exit_codes() -> None:
    """One that is not on the page is not known to be there; scripts branch on the codes."""
    assert table("commands.md", "store command") == {
        name: [words, codes] for name, words, codes in leaves(cli._parser())
    }


def test_every_name_in_a_plan() -> None:
    """What it must be, and what it is for."""
    assert table("commands.md", "in a plan") == {
        name: [one.form, one.meaning] for name, one in FIELDS.items()
    }


def test_everything_that_a_scan_reports() -> None:
    """An operator looks up what blocks."""
    assert table("session-data.md", "scan says") == {
        kind: [meaning] for kind, meaning in PROBLEMS.items()
    }


def names(value: object) -> set[str]:
    """The names in a JSON document, however deep."""
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in names(one)}
    return {name for one in value for name in names(one)} if isinstance(value, list) else set()


def test_every_name_in_the_files_beside_an_archive_or_a_backup(tmp_path: Path) -> None:
    """They are read by other programs, years later, without this one."""
    entries = [
        manifest.Entry(".", True, 0o700, 0, 0, 0, 0, ""),
        manifest.Entry("\udcff", False, 0o600, 0, 0, 0, 0, ""),
    ]
    every = manifest.Manifest("n", "", {one.path: one for one in entries}, 0, "", "", 0, ())
    of_archive = [json.loads(line) for line in manifest.dump(every).splitlines()]
    digest = backup_manifest.TableDigest("t", 0, "")
    given = {one.name: "" for one in fields(backup_manifest.BackupManifest)}
    of_backup = json.loads(
        backup_manifest.text_of(
            backup_manifest.BackupManifest(**{**given, "tables": (digest,), "functions": ()})  # type: ignore[arg-type]
        )
    )
    (tmp_path / "n.tar.zst.age").write_text("")
    discard(str(tmp_path / "n.tar.zst.age"), "old")
    of_pruned = json.loads((tmp_path / "n.pruned.json").read_text())
    for file, content in (
        ("NAME.manifest.jsonl", of_archive),
        ("NAME.backup.json", of_backup),
        ("NAME.pruned.json", of_pruned),
    ):
        told = {
            word.strip("`")
            for name, (cell, _) in table("session-data.md", "file").items()
            if name.startswith(file)
            for word in cell.split(", ")
        }
        assert told == names(content), file
