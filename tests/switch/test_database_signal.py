"""The database's own view of a service: which of its sessions are of the very process that PM2 started."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import psycopg
from psycopg.conninfo import make_conninfo

from hostswitch.base import processes
from hostswitch.database.connection import connections_of
from tests.postgres import running_server
from tests.unit.hostswitch.seen import PLAN

SERVICE = """
import sys, psycopg
held = [psycopg.connect(sys.argv[1]) for _ in range(int(sys.argv[2]))]
print(flush=True)
sys.stdin.read()
"""


def test_only_the_sessions_of_that_process_prove_what_it_runs_on() -> None:
    """A sibling of the same role was taken for the service, which ran on files."""
    with running_server(as_in_production=True) as server:
        text = make_conninfo(**server.settings)
        database = replace(
            PLAN.database,
            host="127.0.0.1", port=server.port, dbname="postgres", user="postgres",
            sslmode="disable", sslrootcert=None,
        )  # fmt: skip
        plan = replace(PLAN, database=database)
        service, other = (
            subprocess.Popen(
                [sys.executable, "-c", SERVICE, text, str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number in (2, 0)
        )
        with service, other, psycopg.connect(text):
            for one in (service, other):
                assert one.stdout and one.stdout.readline()
            assert connections_of(plan, processes.ports(service.pid)) == 2
            assert connections_of(plan, processes.ports(other.pid)) == 0
            gone = processes.ports(other.pid + 1_000_000)
            assert gone == set() and connections_of(plan, gone) == 0
            for one in (service, other):
                one.communicate()
