"""Mistakes are named with the file and line that defines them, by every way into the project.

A copy of the project with an environment of its own is read by the real Ansible, the real vault and
the real pyinfra; no host exists, and none is contacted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rollout.settings.mistakes import known_variables

from ..good_settings import wrong_values
from .trial import INVENTORY, VAULT, declare, run

SOAK = bool(os.environ.get("ROLLOUT_SOAK"))
# Every kind of file from which Ansible takes a host's variables, lowest precedence first.
FILES = (
    "group_vars/all/service.yml",
    "group_vars/trial/settings.yml",
    "group_vars/service.yml",
    "inventory/host_vars/wa-1.yml",
    "host_vars/wa-1/own.yml",
)


def mistakes(project: Path) -> dict[str, list[str]]:
    """What `rollout plan --json` finds wrong: place → problems."""
    done = run(project, "rollout.cli.main", "plan", "trial", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for one in json.loads(done.stdout)["mistakes"]:
        found.setdefault(one["place"], []).append(one["problem"])
    return found


@settings(
    max_examples=40 if SOAK else 3,
    deadline=None,
    # To shrink what failed would read hundreds of inventories; what is wrong is named anyway.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_wrong_variable_is_named_where_it_stands(project: Path, data: st.DataObject) -> None:
    """All variables wrong at once, spread over every kind of file: each with its own file and line."""
    texts = dict.fromkeys(FILES, "# the first line\n")
    places = {}
    # Several of these are defined elsewhere too, so that what is named must be what wins.
    for name in sorted(known_variables()):
        file = data.draw(st.sampled_from(FILES[1:]), label=f"file of {name}")
        value = data.draw(wrong_values(name), label=name)
        texts[FILES[0]] += f"{name}: {json.dumps(True)}\n"
        texts[file] += f"{name}: {json.dumps(value)}\n"
        places[name] = f"{file}:{texts[file].count(chr(10))}"
    # The inventory's own host variables win over group_vars; so they are left to the next test.
    declare(project, texts)
    (project / "inventory/trial.yml").write_text(
        INVENTORY.replace('              companies: ["962302"]\n', "")
    )
    found = mistakes(project)
    unnamed = {
        name: place
        for name, place in places.items()
        if not any(name in problem for problem in found.get(place, []))
    }
    assert not unnamed, f"{unnamed} not in {found}"


def test_what_is_inside_a_variable_has_its_own_line(project: Path) -> None:
    """Of a list of twenty companies, the operator is shown the one that is wrong."""
    declare(
        project,
        {
            "group_vars/trial/flags.yml": "flags:\n  USE_REPOSITORY_PATTERN: true\n  LOG_LEVEL: loud\n",
            "host_vars/wa-1.yml": "legacy_directories:\n- {path: a, kind: live}\n- path: b\n  kind: old\n",
            "group_vars/all/old.yml": "minimum_free_mb: 200\nretired_scripts: [a.js]\n",
            "group_vars/trial/own.yml": "# one\n# two\nminimum_free_mb: true\n",
        },
    )
    with_companies = INVENTORY.replace(
        '["962302"]', '\n              - "962302"\n              - "x y"'
    )
    (project / "inventory/trial.yml").write_text(with_companies)
    found = mistakes(project)
    assert set(found) == {
        "group_vars/trial/flags.yml:3",
        "host_vars/wa-1.yml:4",
        "group_vars/trial/own.yml:3",
        "inventory/trial.yml:12",
    }, found


def test_a_copied_environment_does_not_run_on_the_others_settings(project: Path) -> None:
    """Its hosts would get the other's database; and what was declared for them has no effect."""
    declare(project, {"group_vars/production/own.yml": "database_name: theirs\n"})
    copied = INVENTORY.replace("    trial:\n", "    production:\n")
    (project / "inventory/trial.yml").write_text(copied)
    found = mistakes(project)
    assert ["wa-1 not in a group trial" in one for one in found["inventory/trial.yml:1"]] == [True]
    assert found["group_vars/trial/"] == ["no host reads it: none is in a group trial"]
    declare(project, {"group_vars/trail.yml": "a: 1\n", "inventory/group_vars/x/a.yml": "a: 1\n"})
    found = mistakes(project)
    assert {"group_vars/trail.yml:1", "inventory/group_vars/x/"} == set(found), found


@pytest.mark.parametrize("command", ["plan", "status", "verify", "flags show"])
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (None, "trial: there is no vault password for trial: looked in {file}."),
        (b" \n", "trial: there is no vault password for trial: looked in {file}."),
        (b"\xff\xfe", "trial: the vault password is wrong: it does not open what is encrypted."),
        (b"wrong", "trial: the vault password is wrong: it does not open what is encrypted."),
    ],
)
def test_a_vault_that_stays_closed_is_one_sentence(
    project: Path, command: str, password: bytes | None, sentence: str
) -> None:
    """With its remedy; nothing of Ansible's own, and no other file is taken instead."""
    declare(project, {})
    file = project / "password"
    file.write_bytes(password) if password else file.unlink()
    done = run(project, "rollout.cli.main", *command.split(), "trial", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]) == (1, sentence.format(file=file))
    assert told["remedy"].startswith(f"put the vault password into {file}")


def test_a_vault_is_named_and_not_shown(project: Path) -> None:
    """A mistake inside the vault is shown by its line, never with what stands there."""
    declare(
        project,
        {"group_vars/trial/more.yml": 'pm2_version: "{{ vault_nothing }}"\n'},
        VAULT + "service_user: Secret-Squirrel-9\ndatabase_app_pasword: 'tip-of-the-tongue'\n",
    )
    done = run(project, "rollout.cli.main", "plan", "trial")
    assert done.returncode == 1
    assert "Squirrel" not in done.stdout + done.stderr
    assert "tongue" not in done.stdout + done.stderr
    found = mistakes(project)
    assert "service_user must be" in found["group_vars/trial/vault.yml:3"][0]
    assert "not a variable" in found["group_vars/trial/vault.yml:4"][0]
    assert "vault_nothing" in found["group_vars/trial/more.yml:1"][0]


def test_a_file_that_ansible_passes_over_is_named(project: Path) -> None:
    """Beside group_vars/trial/ Ansible never reads group_vars/trial.yml: the setting has no effect."""
    declare(project, {"group_vars/trial.yml": "log_keep_days: 7\n"})
    assert "group_vars/trial.yml:1" in mistakes(project)


def test_one_name_twice_in_a_file_is_refused(project: Path) -> None:
    """YAML takes the last one silently; the first is what the operator reads."""
    declare(project, {"group_vars/trial/own.yml": "log_keep_days: 7\nlog_keep_days: 8\n"})
    done = run(project, "rollout.cli.main", "plan", "trial")
    assert done.returncode == 1
    assert "group_vars/trial/own.yml:2" in done.stderr


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("inventory/trial.yml", INVENTORY.replace("        service", "\tservice"), "Tabs"),
        ("inventory/trial.yml", INVENTORY + "            wa-1: {}\n", "duplicate"),
        ("inventory/trial.yml", INVENTORY.replace("wa-1", "2024-01-01"), "string"),
        ("inventory/trial.yml", INVENTORY.replace("hosts:", "host:"), "(host)"),
        ("inventory/trial.yml", "- a\n", "no names"),
        ("inventory/trial.yml", "", "empty"),
        ("group_vars/trial/own.yml", "- a\n", "no names"),
        ("group_vars/trial/own.yml", "log_keep_days\n", "no names"),
        ("group_vars/trial/own.yml", "1: a\n", "quotes"),
        ("group_vars/trial/own.yml", "a: \0\n", "control characters"),
    ],
)
def test_a_file_that_says_nothing_is_named(project: Path, file: str, text: str, told: str) -> None:
    """Ansible warns of some and reads on: hosts would be left out, or settings said to be nobody's."""
    declare(project, {})
    (project / file).write_text(text)
    # As a user who lets duplicates pass elsewhere, and has a configuration of his own.
    odd = {"ANSIBLE_CONFIG": "/dev/null", "ANSIBLE_DUPLICATE_YAML_DICT_KEY": "ignore"}
    done = run(project, "rollout.cli.main", "plan", "trial", "--json", **odd)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["mistakes"]) == (1, [])
    assert file in answer["error"]
    assert told in answer["error"]


@pytest.mark.parametrize(
    "command",
    [
        ("pyinfra", "inventory/trial.py", "deploy.py"),
        ("pyinfra", "inventory/trial.py", "debug-inventory"),
    ],
)
def test_plain_pyinfra_shows_the_same_list(project: Path, command: tuple[str, ...]) -> None:
    """Whoever uses the engine directly must not reach a host with settings that were refused."""
    declare(project, {"group_vars/trial/own.yml": "log_keep_days: 0\nremove_after_dais: 5\n"})
    ours = run(project, "rollout.cli.main", "plan", "trial")
    theirs = run(project, *command)
    assert theirs.returncode != 0
    assert "group_vars/trial/own.yml:1: log_keep_days must be" in theirs.stderr
    assert "did you mean remove_after_days?" in theirs.stderr
    listed = [line.strip() for line in theirs.stderr.splitlines() if "own.yml" in line]
    assert listed == [line.strip() for line in ours.stderr.splitlines() if "own.yml" in line]
    assert "onnect" not in theirs.stderr, "a host was contacted"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["@local", "deploy.py"], "its settings were not checked"),
        (["@local", "deploy.py", "--data", "environment=lab", "--data", "app_dir=/"], "go around"),
    ],
)
def test_no_way_around_the_check(project: Path, arguments: list[str], words: str) -> None:
    """A host or a setting given on pyinfra's command line was never judged by anybody."""
    done = run(project, "pyinfra", *arguments, "--dry", "-y")
    assert done.returncode != 0
    assert words in done.stderr
