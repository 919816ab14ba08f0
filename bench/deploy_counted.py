"""``deploy.py`` as it is, for pyinfra, with its remote commands counted; ``AS_IT_COMES`` undoes a lever.

The count goes into the file that BENCH_COUNT names. With BENCH_AS_IT_COMES set, pyinfra's own socket
settings stay: the difference is what TCP_NODELAY brings (docs/facts.md section 5, "Speed").
"""

import os
from pathlib import Path

from pyinfra import local
from pyinfra.connectors.ssh import SSHConnector

from roles.shared import guard

ran: list[str] = []
run_shell_command = SSHConnector.run_shell_command


def counted(self, *arguments, **named):  # type: ignore[no-untyped-def]
    """The connector's own method, and one more."""
    ran.append(str(arguments[:1]))
    Path(os.environ["BENCH_COUNT"]).write_text(str(len(ran)))
    return run_shell_command(self, *arguments, **named)


SSHConnector.run_shell_command = counted  # type: ignore[method-assign,unused-ignore]
if "BENCH_AS_IT_COMES" in os.environ:
    guard.answer_without_delay = lambda: None  # type: ignore[assignment,unused-ignore]

local.include(str(Path(__file__).resolve().parent.parent / "deploy.py"))
