"""Migrations as files: order, hashes, and scripts that control transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessionstore.errors import MigrationProblem
from sessionstore.migrations.plan import KINDS, Record, from_plan, load, pending, to_revert


def write(root: Path, *names: str, deploy: str = "SELECT 1;") -> str:
    """Write triples of scripts."""
    for kind in ("deploy", "verify", "revert"):
        (root / kind).mkdir(exist_ok=True)
        for name in names:
            text = deploy if kind == "deploy" else "SELECT 1;"
            (root / kind / f"{name}.sql").write_text(text)
    return str(root)


def records(root: str, adopted: bool = False) -> list[Record]:
    """What the database records when all is applied."""
    return [Record(m.name, m.sha256, m.chain, adopted) for m in load(root)]


def test_the_projects_own_migrations_load() -> None:
    """In order, each with its three scripts."""
    root = Path(__file__).parents[3] / "roles" / "schema" / "migrations"
    assert [migration.name for migration in load(str(root))][:3] == [
        "0001_whatsapp_auth",
        "0002_whatsapp_keys",
        "0003_whatsapp_imports",
    ]


def test_what_is_pending(tmp_path: Path) -> None:
    """The rest after what is recorded."""
    root = write(tmp_path, "0001_a", "0002_b")
    assert [m.name for m in pending(load(root), records(root)[:1])] == ["0002_b"]
    assert not pending(load(root), records(root))


def test_an_edited_file_is_told(tmp_path: Path) -> None:
    """yoyo hashes the name only and would not notice (docs/facts.md section 4)."""
    root = write(tmp_path, "0001_a")
    applied = records(root)
    write(tmp_path, "0001_a", deploy="SELECT 2;")
    with pytest.raises(MigrationProblem, match="edited after it was applied"):
        pending(load(root), applied)


def test_a_changed_verify_script_is_no_edit(tmp_path: Path) -> None:
    """Checks may get better; what was done to the schema may not change."""
    root = write(tmp_path, "0001_a")
    applied = records(root)
    (tmp_path / "verify" / "0001_a.sql").write_text("SELECT 3;")
    assert not pending(load(root), applied)


def test_missing_and_foreign_history_is_told(tmp_path: Path) -> None:
    """The files of another revision do not fit this database."""
    root = write(tmp_path, "0001_a", "0002_b")
    first, second = records(root)
    with pytest.raises(MigrationProblem, match="files are missing"):
        pending(load(root), [first, second, Record("0003_c", "", "", False)])
    with pytest.raises(MigrationProblem, match="never applied"):
        pending(load(root), [second])
    with pytest.raises(MigrationProblem, match="history"):
        pending(load(root), [first, Record(second.name, second.sha256, "other", False)])


@pytest.mark.parametrize("name", ["1_a", "0001-a", "0001_A", "0001_", "x"])
def test_names_have_one_form(tmp_path: Path, name: str) -> None:
    """A file that is passed over would be a migration that never runs."""
    with pytest.raises(MigrationProblem, match="not named"):
        load(write(tmp_path, name))


def test_gaps_doubles_and_missing_scripts_are_told(tmp_path: Path) -> None:
    """Each is somebody's merge."""
    with pytest.raises(MigrationProblem, match="number 0002"):
        load(write(tmp_path, "0001_a", "0003_c"))
    (tmp_path / "revert" / "0003_c.sql").rename(tmp_path / "revert" / "0002_c.sql")
    with pytest.raises(MigrationProblem, match="lacks"):
        load(str(tmp_path))
    with pytest.raises(MigrationProblem, match="not a directory"):
        load(str(tmp_path / "nowhere"))


def test_what_is_no_script_is_told(tmp_path: Path) -> None:
    """Nobody's text is read in another encoding."""
    for raw, sentence in ((b"", "lacks"), (b" -- x\n", "no statement"), (b"\xff", "not UTF-8")):
        root = write(tmp_path, "0001_a")
        (tmp_path / "verify" / "0001_a.sql").write_bytes(raw)
        with pytest.raises(MigrationProblem, match=sentence):
            load(root)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (" \n-- nothing\n/* nothing */ ;\r\n", "no statement"),
        ("/* no /* thing */ at all */ -- nor here", "no statement"),
        (f"{'/* ' * 7}{' */' * 7}\n;", "no statement"),
        (f"/* {'an open one ' * 9999}", None),
        (f"{'-' * 2000}\n-- a title\n{'-' * 2000}\rSELECT 1", None),
        ("/* a */ SELECT 1 /* b */", None),
        ("CREATE TABLE a (b int); \0 CREATE TABLE c (d int);", "NUL"),
        ("\ufeffSELECT 1", "byte order mark"),
        ("SELECT '\ud800'", "surrogate"),
    ],
)
def test_what_the_server_would_not_do_as_its_author_meant(script: str, word: str | None) -> None:
    """What follows a NUL never runs; an empty verify passes always, and the migration is adopted."""
    whole = {"name": "0001_a", **dict.fromkeys(KINDS, "SELECT 1"), "verify": script}
    if word is None:
        assert len(from_plan([whole])) == 1
    else:
        with pytest.raises(MigrationProblem, match=word):
            from_plan([whole])


def test_a_plan_without_all_its_migrations_is_refused() -> None:
    """Of two with one name the first would silently go; none at all is nobody's wish."""
    whole = {"name": "0001_a", **dict.fromkeys(KINDS, "SELECT 1")}
    assert len(from_plan([whole])) == 1
    for entries, sentence in (
        ([whole, whole], "twice"),
        ([{"name": "0001_a"}], "lacks its deploy and verify and revert"),
        ([], "no migration is there"),
    ):
        with pytest.raises(MigrationProblem, match=sentence):
            from_plan(entries)


def test_reverting_needs_a_known_target(tmp_path: Path) -> None:
    """Newest first, and never what was adopted."""
    applied = records(write(tmp_path, "0001_a", "0002_b", "0003_c"))
    assert [one.name for one in to_revert(applied, "0001_a")] == ["0003_c", "0002_b"]
    assert len(to_revert(applied, "nothing")) == 3
    with pytest.raises(MigrationProblem, match="no applied migration"):
        to_revert(applied, "0004_d")
    adopted = [Record(one.name, one.sha256, one.chain, True) for one in applied]
    with pytest.raises(MigrationProblem, match="adopted"):
        to_revert(adopted, "0002_b")
    assert not to_revert(adopted, "0003_c")
