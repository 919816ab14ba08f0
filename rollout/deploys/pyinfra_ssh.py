"""pyinfra's connector over ``rollout/hosts/ssh.py``: the one way in which this project reaches a host.

pyinfra's own reads ``~/.ssh/config`` in a manner of its own: it forwards the agent to jump hosts and asks
about their keys, passes over ``ansible_ssh_common_args``, takes whatever a host says into memory, waits
for ever, and asks for sudo's password on a terminal.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any, ClassVar, TypedDict

from gevent.hub import Hub
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import StateStage
from pyinfra.connectors import ssh
from pyinfra.connectors.base import BaseConnector, DataMeta
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host

from rollout.environment.environment import Host
from rollout.errors import OperatorError
from rollout.hosts.ssh import ACT_SECONDS, ANSWER_SECONDS, Connections, login_command

# pyinfra's name for a host's datum → Ansible's, which `Host` reads.
DATA = {
    "ssh_hostname": "ansible_host",
    "ssh_user": "ansible_user",
    "ssh_port": "ansible_port",
    "ssh_key": "ansible_ssh_private_key_file",
    "ssh_options": "ansible_ssh_common_args",
}

READY = "ready"
LINES = 100_000
"""Of one answer: as many objects here, more than 100 bytes each. A host's whole answer is one line."""


class HostFailedError(PyinfraError):
    """The host did not answer, or not as it must; the text is for the operator."""


class ConnectorData(TypedDict):
    ssh_hostname: str
    ssh_user: str
    ssh_port: int
    ssh_key: str
    ssh_options: str


class OpenSSHConnector(BaseConnector):
    """Runs pyinfra's commands on a host by ssh(1)."""

    handles_execution = True
    data_cls = ConnectorData
    data_meta: ClassVar = {name: DataMeta(f"inventory: {its}") for name, its in DATA.items()}

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        yield name, {"ssh_hostname": name}, []

    def connect(self) -> None:
        """Log in, and see that root may be had. Raises HostFailedError: neither, or not both."""
        given = {DATA[name]: value for name, value in self.data.items() if value is not None}
        self._to = Host(self.host.name, (), given)
        self._connections = Connections()
        # A positive word, never the absence of an error: what answers everything with nothing is no host.
        if self._run(f"echo {READY}", sudo=True).stdout.decode(errors="replace").strip() != READY:
            said = f"{self.host.name}: a command that prints one word printed something else there"
            raise HostFailedError(str(OperatorError(said, login_command(self._to))))

    def disconnect(self) -> None:
        self._connections.close()

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,  # noqa: ARG002
        print_input: bool = False,  # noqa: ARG002
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        """Whether a command succeeded; its lines, standard output first."""
        given = {name: arguments.pop(f"_{name}", None) for name in ("stdin", "timeout", "get_pty")}
        fine = arguments.pop("_success_exit_codes", None) or [0]
        text = make_unix_command_for_host(self.state, self.host, command, **arguments)
        acts = self.state.current_stage == StateStage.Execute
        seconds = given["timeout"] or (ACT_SECONDS if acts else ANSWER_SECONDS)
        stdin = "".join(f"{line}\n" for line in given["stdin"] or ()).encode()
        done = self._run(text.get_raw_value(), stdin=stdin, timeout=seconds)
        if done.stdout.count(b"\n") + done.stderr.count(b"\n") > LINES:
            raise HostFailedError(f"{self.host.name} said more than {LINES} lines")
        lines = [
            OutputLine(name, line.removesuffix("\r"))
            for name, said in (("stdout", done.stdout), ("stderr", done.stderr))
            for line in said.decode(errors="replace").removesuffix("\n").split("\n")
            if said
        ]
        return done.returncode in fine, CommandOutput(lines)

    def _run(self, command: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
        try:
            return self._connections.run(self._to, command, **how)
        except OperatorError as error:
            raise HostFailedError(str(error)) from None

    def put_file(self, *_: Any, **__: Any) -> bool:
        """Not offered: roles hand files over on standard input (``roles/shared/files.py``)."""
        raise NotImplementedError

    get_file = put_file


def install() -> None:
    """Have pyinfra, which looks its connectors up by name, reach every host in this way."""
    ssh.SSHConnector = OpenSSHConnector
    # A traceback on the terminal would tell nobody anything.
    Hub.NOT_ERROR = (*Hub.NOT_ERROR, HostFailedError)
