"""The roles' own facts and operations against JSON fixtures, as pyinfra tests its own.

Each fixture is what a host answered, or what a host is made to do; a change of either is a change of
what runs as root on every server.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

# pyinfra's command-line package patches every thread of the process on import, and a thread that
# loops in another test would then never let the others run. Fixtures need no host, so no gevent.
with patch("gevent.monkey.patch_all"):
    from pyinfra_testing.facts import make_fact_tests
    from pyinfra_testing.operations import make_operation_tests

FIXTURES = Path(__file__).parent / "fixtures"

FACTS = (
    "database.operations.ConfigurationInForce",
    "database.operations.PasswordsAccepted",
    "database.operations.PostgresqlObjects",
    "host.operations.Account",
    "host.operations.EnabledUnits",
    "host.operations.GlobalNpmVersion",
    "host.operations.NodeProgram",
    "sessions.daily.InstalledTimer",
    "sessions.operations.CrontabLines",
    "hostprogram.ask.HostProgramAnswers",
    "shared.files.FileDigests",
    "shared.packages.MissingPackages",
    "hostprogram.commit.DeclaredCommit",
)
OPERATIONS = (
    "host.operations.enabled_units",
    "host.operations.global_npm_package",
    "host.operations.node_program",
    "host.operations.open_switch_ended",
    "host.operations.pm2_boot_unit",
    "host.operations.program_unpacked",
    "host.operations.user_present",
    "sessions.operations.cron_jobs_retired",
    "sessions.operations.scripts_archived",
    "shared.files.file_installed",
    "shared.packages.packages_installed",
)

for _path in FACTS:
    _name = "TestFact" + _path.rpartition(".")[2]
    globals()[_name] = make_fact_tests("roles", _path, FIXTURES / "facts" / _path)
for _path in OPERATIONS:
    _name = "TestOperation" + "".join(part.title() for part in _path.rpartition(".")[2].split("_"))
    globals()[_name] = make_operation_tests("roles", _path, FIXTURES / "operations" / _path)
