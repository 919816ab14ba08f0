"""Inputs from the field, rebuilt with made-up keys (``cases/``), each with the end it must have."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sessionstore.archive import create
from sessionstore.database.connection import Connection
from sessionstore.disk.opening import closing, open_directory

from .commands import run

CASES = Path(__file__).parent / "cases"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to look into /proc")


@dataclass
class Case:
    """One input, copied to where it may be changed, beside a database with the schema."""

    root: Path
    conn: Connection
    settings: dict[str, str]
    recipient: str

    def plan(self, directory: str, **more: object) -> dict[str, Any]:
        """A plan about a directory of the input."""
        where = str(self.root / directory)
        stopped = {"kind": "live", "service": "stopped"}
        return {"database": self.settings, "directory": where, **stopped, **more}

    def imports(
        self, directory: str, *options: str, **more: object
    ) -> tuple[int, list[dict[str, Any]], str]:
        """Import a directory of the input; what was said is in one line."""
        plan = self.plan(directory, **more)
        return run_plan("import", "--service-is-stopped", *options, plan=plan)

    def proves(
        self, directory: str, company: str, **more: object
    ) -> tuple[int, list[dict[str, Any]], str]:
        """Prove the import of a company that came from a directory of the input."""
        import_id = self.one(
            f"SELECT import_id::text FROM whatsapp_imports WHERE company_id = '{company}'"
        )
        return run_plan("prove", plan=self.plan(directory, import_id=import_id, **more))

    def removes(self, directory: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Archive a directory of the input, and remove it."""
        with closing(open_directory(str(self.root / directory))) as fd:
            made = create.create(fd, str(self.root), "old", [self.recipient])
        where = ("--archive", made.archive, "--manifest", made.manifest)
        return run_plan("remove", *where, plan=self.plan(directory, **more))

    def accounts(self, directory: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Account for a directory of the input."""
        return run_plan("account", plan=self.plan(directory, **more))

    def scans(self, directory: str, *options: str) -> tuple[int, list[dict[str, Any]], str]:
        """Scan a directory of the input."""
        return run("scan", str(self.root / directory), *options)

    def explains(self, path: str, **more: object) -> tuple[int, list[dict[str, Any]], str]:
        """Explain a file or directory of the input."""
        plan = {"database": self.settings, "service": "stopped", **more}
        code, events, said = run("explain", str(self.root / path), plan=plan)
        return code, events, " ".join(said.split())

    def one(self, statement: str) -> Any:
        """The first value that a query gives."""
        row = self.conn.execute(statement.encode()).fetchone()
        assert row
        return row[0]


@pytest.fixture
def case(
    tmp_path: Path, conn: Connection, database: dict[str, str], age_identity: tuple[str, str]
) -> Case:
    """Where an input goes, beside a database with the schema."""
    return Case(tmp_path / "case", conn, database, age_identity[1])


def run_plan(*arguments: str, plan: object) -> tuple[int, list[dict[str, Any]], str]:
    """Run a command that reads a plan; what was said is in one line."""
    code, events, said = run(*arguments, "--plan", "-", plan=plan)
    return code, events, " ".join(said.split())


def _bak_beside_whole_credentials(case: Case) -> None:
    """An artefact as ever, and which of the two is newer is told."""
    directory = case.root / "in/whatsapp/default"
    assert case.scans("in/whatsapp/default", "--company", "main")[0] == 0
    assert case.imports("in/whatsapp/default", companies=["main"])[0] == 0
    path = "in/whatsapp/default/creds.json.bak"
    _, (event,), said = case.explains(path, companies=["main"])
    assert "same value" in event["copy"] and event["copy"] in said
    creds = json.loads((directory / "creds.json").read_text())
    for change, newer in ((-1, "creds.json"), (1, "creds.json.bak")):
        other = {**creds, "nextPreKeyId": creds["nextPreKeyId"] + change}
        (directory / "creds.json.bak").write_text(json.dumps(other))
        _, (event,), _ = case.explains(path, companies=["main"])
        assert event["copy"].startswith(f"{newer} is newer: ")


def _bak_only(case: Case) -> None:
    """The copies are all there is of three keys: nothing is imported before they are looked at."""
    copies = ("pre-key-7.json", "session-15550002222.0.json", "device-list-15550002222.json")
    code, events, _ = case.scans("sessions")
    found = {one["where"]: one["detail"] for one in events if one.get("kind") == "only copy"}
    assert code == 2 and set(found) == {f"company_700/{name}.bak" for name in copies}
    assert all("this copy is whole" in detail for detail in found.values())
    assert all("the newest Baileys reads it" in detail for detail in found.values())
    code, _, said = case.imports("sessions")
    assert code == 3 and all(f"{name}.bak" in said for name in copies[:2]) and "cp -p" in said
    assert case.one("SELECT count(*) FROM whatsapp_keys") == 0
    for name in copies:
        copy = case.root / f"sessions/company_700/{name}.bak"
        copy.rename(copy.with_suffix(""))
    assert case.imports("sessions")[0] == 0


def _torn_behind_a_whole_copy(case: Case) -> None:
    """Where only the main file is torn, an import that lists names finds it while it reads."""
    (case.root / "sessions/company_700/pre-key-7.json.bak").unlink()
    (case.root / "sessions/company_700/session-15550002222.0.json.bak").unlink()
    code, _, said = case.imports("sessions")
    assert code == 3 and "device-list-15550002222.json: truncated" in said
    assert "device-list-15550002222.json.bak: only copy" in said


def _full_disk(case: Case) -> None:
    """Every empty file, by its path, with what mends it; the whole credentials are named."""
    directory = case.root / "in/sessions/company_700"
    empty = sorted(one.name for one in directory.iterdir() if not one.stat().st_size)
    assert len(empty) == 12 and "creds.json" in empty
    code, _, said = case.imports("in/sessions")
    assert code == 3 and f"{directory}/creds.json.bak: only copy" in said
    assert all(f"{directory}/{name}: empty" in said for name in empty)
    assert "cp -p creds.json.bak creds.json" in said and "lost already" in said
    shutil.copy(directory / "creds.json.bak", directory / "creds.json")
    code, _, said = case.imports("in/sessions")
    assert code == 3 and all(f"{directory}/{name}: empty" in said for name in empty[1:])
    for name in empty[1:]:
        (directory / name).unlink()
    assert case.imports("in/sessions")[0] == 0


def _declared_map(case: Case) -> None:
    """A directory's company is declared where its name does not tell, in every command."""
    where, companies = "in/sessions", {"md_shop1": "shop1", "md_shop2": "shop2"}
    code, _, said = case.imports(where)
    assert code == 3 and '"companies": {"md_shop1": "ID"}' in said
    assert "shop1_store.json: litter" in said and "legacy_old.json: unknown file" in said
    litter = ["*_store.json", "legacy_*.json"]
    for company_id in ("+15550001111", "company_1"):
        wrong = {**companies, "md_shop1": company_id}
        code, _, said = case.imports(where, companies=wrong, litter=litter)
        assert code == 3 and ("without company_" in said) == (company_id == "company_1")
        code, _, said = case.scans(where, "--company", company_id)
        assert code == 1 and ("without company_" in said) == (company_id == "company_1")
    options = [f"--company={directory}={one}" for directory, one in companies.items()]
    assert case.scans(where, *options, *(f"--litter={one}" for one in litter))[0] == 0
    declared: dict[str, Any] = {"companies": companies, "litter": litter}
    assert case.imports(where, **declared)[0] == 0
    for one in companies.values():
        assert case.proves(where, one, **declared)[0] == 0
    assert case.accounts(where, **declared)[0] == 0
    code, (event,), _ = case.explains(f"{where}/md_shop1/pre-key-1.json", **declared)
    assert code == 0 and event["company"] == "shop1"
    assert case.removes(where, **declared)[0] == 0


def _flat(case: Case) -> None:
    """The commonest layout of all goes the whole way."""
    where = "in/app/auth_info_baileys"
    assert case.scans(where, "--company", "main")[0] == 0
    assert case.imports(where, companies=["main"])[0] == 0
    assert case.proves(where, "main")[0] == 0
    assert case.proves(where, "main", companies=["main"])[0] == 0
    assert case.accounts(where, companies=["main"])[0] == 0
    assert case.accounts(where, companies={".": "main"})[0] == 0
    (case.root / where / "pre-key-1.json").write_text("{}")
    _, events, _ = case.proves(where, "main")
    assert events[-1]["differences"] == 2 and "Key(" not in json.dumps(events)
    case.conn.execute("UPDATE whatsapp_imports SET source = 'elsewhere'")
    code, events, _ = case.proves("in/app", "main")
    assert code == 2 and events[-1]["differences"] < 4
    assert case.removes(where, companies=["main"])[0] == 3


def _litter(case: Case) -> None:
    """Each is called what it is, both directories by name; what is declared is left out."""
    where, here = "in/sessions", f"{case.root}/in/sessions"
    code, _, said = case.imports(where)
    assert code == 3 and f"{here}/__MACOSX: litter" in said and "xpected" not in said
    named = (
        "Thumbs.db",
        "desktop.ini",
        "pre-key-1 (1).json",
        "pre-key-2 - Copy.json",
        "creds 2.json",
    )
    assert all(f"{here}/company_700/{name}: litter" in said for name in named)
    litter = [*named[:2], "__MACOSX", "* (1).json", "* - Copy.json", "* 2.json"]
    options = [f"--litter={pattern}" for pattern in litter]
    code, events, _ = case.scans(where, *options)
    assert code == 0 and len([one for one in events if one.get("kind") == "litter"]) >= 8
    assert case.imports(where, litter=litter)[0] == 0
    assert case.one("SELECT count(*) FROM whatsapp_auth") == 1
    assert case.accounts(where, litter=litter)[0] == 0
    assert case.removes(where, litter=litter)[0] == 0


def _one_company_twice(case: Case) -> None:
    """Two directories of one company are both named."""
    where = case.root / "in/sessions"
    shutil.copytree(where / "company_700", where / "__MACOSX/company_700", dirs_exist_ok=True)
    code, _, said = case.imports("in/sessions")
    assert code == 3 and "company twice" in said
    assert "/company_700: company twice (also in __MACOSX/company_700)" in said


def _cloned_account(case: Case) -> None:
    """One pairing is one company, in the files and against what the database holds."""
    where = "in/sessions"
    for dry_run in ((), ("--dry-run",)):
        code, _, said = case.imports(where, *dry_run)
        assert code == 3 and "company_1: pairing twice (also in company_2)" in said
        assert "company_2: pairing twice (also in company_1)" in said
    assert case.one("SELECT count(*) FROM whatsapp_auth") == 0
    (case.root / where / "company_2").rename(case.root / "company_2")
    assert case.imports(where)[0] == 0
    other = case.root / "other"
    other.mkdir()
    (case.root / "company_2").rename(other / "company_2")
    code, _, said = case.imports("other")
    assert code == 3 and "company 2 is the pairing that the database has as company 1" in said
    assert case.one("SELECT count(*) FROM whatsapp_auth") == 1


def _partly_understood(case: Case) -> None:
    """Nothing is imported while any directory is not understood."""
    where = "in/sessions"
    code, _, said = case.imports(where)
    assert code == 3 and "company_+15550001111" in said and "is imported" not in said
    assert case.one("SELECT count(*) FROM whatsapp_auth") == 0
    companies = {"company_+15550001111": "15550001111"}
    code, _, said = case.imports(where, companies={**companies, "company_700": "700"})
    assert code == 0, said
    assert case.one("SELECT count(*) FROM whatsapp_auth") == 2


def _same_id_elsewhere(case: Case) -> None:
    """Imported is what the database holds, value by value."""
    assert case.imports("in/a")[0] == 0
    assert case.imports("in/a")[1][-1]["outcome"] == "nothing to do"
    code, _, said = case.imports("in/b")
    assert code == 3 and "pre-key-4.json" in said and "is imported" not in said
    for lost in ("keys", "auth"):
        case.conn.execute(f"DELETE FROM whatsapp_{lost}".encode())
        code, _, said = case.imports("in/a")
        assert code == 3 and "difference(s)" in said and "is imported" not in said


def _encoded_twice(case: Case) -> None:
    """One sentence, whoever is asked."""
    case.conn.execute((case.root / "rows.sql").read_bytes())
    code, _, said = case.imports("in")
    told = "rows of company 700 are encoded twice: each value is a JSON text inside jsonb"
    assert code == 3 and told in said and "UPDATE whatsapp_auth" in said
    code, events, _ = case.accounts("in")
    assert code == 2 and any(told in reason for reason in events[-1]["reasons"])
    mend = "UPDATE whatsapp_auth" + said.partition("UPDATE whatsapp_auth")[2].partition("; then")[0]
    case.conn.execute(mend.encode())
    assert case.accounts("in")[0] == 0, "the statement mends it"


def _scalars(case: Case) -> None:
    """Copied as they are; who scans is told that the library can't use them."""
    code, events, _ = case.scans("in")
    found = {one["where"] for one in events if one.get("kind") == "no key"}
    names = [f"pre-key-{number}.json" for number in (1, 2, 3, 4)] + ["session-15550002222.0.json"]
    assert code == 0 and found == {f"company_700/{name}" for name in names}
    code, events, _ = case.imports("in")
    assert code == 0 and events[0]["ok"]


ENDS: Mapping[str, Sequence[Callable[[Case], None]]] = {
    "01-creds-bak": [_bak_beside_whole_credentials],
    "02-bak-only": [_bak_only, _torn_behind_a_whole_copy],
    "03-enospc-zero": [_full_disk],
    "07-md-prefix": [_declared_map],
    "20-app-root-auth_info": [_flat],
    "24-windows-mac-copies": [_litter, _one_company_twice],
    "33-cloned-account": [_cloned_account],
    "40-partial-plus": [_partly_understood],
    "46-same-id-other-directory": [_same_id_elsewhere],
    "47-double-encoded": [_encoded_twice],
    "56-scalars": [_scalars],
}


@pytest.mark.parametrize(
    ("name", "end"),
    [
        pytest.param(name, end, id=f"{name}{end.__name__}")
        for name, ends in ENDS.items()
        for end in ends
    ],
)
def test_a_case_from_the_field_ends_right(
    name: str,
    end: Callable[[Case], None],
    case: Case,
) -> None:
    """Each by the commands that its operator would run."""
    shutil.copytree(CASES / name, case.root)
    end(case)


def test_every_case_has_an_end() -> None:
    """Here, or with the evidence that it is about."""
    evidence = (CASES.parent / "test_evidence.py").read_text()
    without = [one.name for one in CASES.iterdir() if one.name not in ENDS]
    assert [name for name in without if f'"{name}/' not in evidence] == []
