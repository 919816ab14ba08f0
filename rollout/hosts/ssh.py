"""SSH to the hosts of an environment: strict host keys, one connection a host, kept open.

The first command opens it: 47 commands take 0.4-0.6 s instead of 9 s (docs/facts.md section 5,
"testinfra").
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rollout.environment.environment import Host
from rollout.errors import OperatorError
from rollout.processes.bounded import UnboundedError, answered

# What ssh itself answers with; a remote command may answer with it too.
SSH_FAILED = 255
NOT_FOUND, SUDO_FAILED = 127, 1
PERSIST_SECONDS = 60
CONTROL_SECONDS = 15
# A path of a unix socket ends at 104 bytes on some systems, and ssh appends 17 while it makes one.
LONGEST_CONTROL_PATH = 86
ANSWER_SECONDS, ACT_SECONDS = 600, 3600
"""How long a question may take, and what changes a host: a switch goes on there by itself."""

# What ssh(1) would pass on to a host, or run here, because the operator's configuration says so for
# other uses of ssh; and what would loosen the check of the host's key. How the host is reached (user,
# port, keys, jump hosts) stays the operator's. ssh takes the first value it meets, and these come first.
SETTINGS = {
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "VerifyHostKeyDNS": "no",
    "BatchMode": "yes",
    "ForwardAgent": "no",
    "AddKeysToAgent": "no",
    "GSSAPIDelegateCredentials": "no",
    "ForwardX11": "no",
    "ClearAllForwardings": "yes",
    "Tunnel": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "SessionType": "default",
    "StdinNull": "no",
    "ForkAfterAuthentication": "no",
    # The first SetEnv wins too, so there is one; programs answer in one language.
    "SetEnv": "LC_ALL=C.UTF-8",
    "ControlMaster": "auto",
    "ControlPersist": str(PERSIST_SECONDS),
    "ConnectTimeout": "10",
    # A host that was cut off ends the command after 15 s instead of hanging it.
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "LogLevel": "ERROR",
}
OPERATORS = ("~/.ssh/config", "/etc/ssh/ssh_config")


class Connections:
    """Shared SSH connections to hosts, in a private directory; a killed process's end by themselves."""

    def __init__(self, parent: Path | None = None) -> None:
        # mkdtemp makes it 0700: whoever may use the sockets may use the hosts.
        self._directory = Path(tempfile.mkdtemp(prefix="br-", dir=parent))
        self._used: dict[str, Host] = {}
        self.commands = 0
        # Names for SendEnv are added up; only behind all others does a "-*" take them away. ssh hands
        # this file on to the ssh that it starts for a jump host.
        lines = [*(f"Include {path}" for path in OPERATORS), "Match all", "SendEnv -*"]
        self._config = self._directory / "config"
        self._config.write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def control_path(self, host: Host) -> Path:
        """The socket of a host's shared connection; its path may be too long for one."""
        place = f"{host.user}@{host.address}:{host.port}"
        path = self._directory / hashlib.sha256(place.encode()).hexdigest()[:8]
        if len(str(path)) > LONGEST_CONTROL_PATH:
            raise OperatorError(
                f"{path} is too long for a socket (more than {LONGEST_CONTROL_PATH} characters).",
                "TMPDIR=/tmp and the same command again",
            )
        return path

    def options(self, host: Host) -> list[str]:
        """The options that ssh needs for a host, without its destination.

        Ours come first, because ssh takes the first value it meets: nothing loosens the host key check.
        """
        self._used[host.name] = host
        settings = SETTINGS | {"ControlPath": self.control_path(host), "Port": host.port}
        words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        if host.key_file:
            words += ["-o", "IdentitiesOnly=yes", "-i", host.key_file]
        return ["-F", str(self._config), *words, *host.ssh_options]

    def argv(self, host: Host, command: str = "") -> list[str]:
        """The ssh command line for a host: a text for its login shell, or none for a login."""
        words = ["ssh", *self.options(host), f"{host.user}@{host.address}"]
        return [*words, "--", command] if command else words

    def run(
        self,
        host: Host,
        command: str | Sequence[str],
        *,
        stdin: bytes | None = None,
        sudo: bool = False,
        timeout: float = ANSWER_SECONDS,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on a host: a text for a shell, or words, which are quoted.

        Secrets go into ``stdin`` alone (docs/facts.md section 5, "Exit codes and output"). Raises where
        the host, its key, sudo, the seconds or the answer's size do not let it come to its end.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        if sudo:
            text = as_root(text)
        self.commands += 1
        try:
            done = answered(self.argv(host, text), stdin or b"", seconds=timeout)
        except UnboundedError as error:
            what = f"{host.name} ({host.address}) {error}: {text[:120]}"
            raise OperatorError(what, login_command(host)) from None
        errors = done.stderr.decode(errors="replace")
        if done.returncode == SSH_FAILED and not self.alive(host):
            raise unreachable(host, errors)
        if done.returncode in (SUDO_FAILED, NOT_FOUND):
            self._refuse_sudo(host, errors)
        return done

    def _refuse_sudo(self, host: Host, errors: str) -> None:
        if errors.rstrip().endswith(("sudo: not found", "sudo: command not found")):
            remedy = "as root there: apt install sudo"
            raise OperatorError(f"{host.name}: there is no sudo.", remedy)
        # A command may have failed by itself, beside a warning of sudo's; sudo speaks the host's
        # language and refuses in many sentences. So where it may have, it is asked to run nothing.
        lines = [line for line in errors.splitlines() if "sudo" in line or host.user in line]
        self.commands += bool(lines)
        if lines and self._brief(self.argv(host, as_root(":"))).returncode == SUDO_FAILED:
            raise OperatorError(
                f"{host.name}: {host.user} may not use sudo without a password: {lines[-1][:200]}",
                f"on {host.name}: echo '{host.user} ALL=(ALL) NOPASSWD: ALL' "
                f"| sudo tee /etc/sudoers.d/{host.user}",
            )

    def alive(self, host: Host) -> bool:
        return self._control(host, "check").returncode == 0

    def forward(self, host: Host, target: str, port: int) -> int:
        """A port here, on loopback, to a target as the host reaches it; it closes with the connection."""
        self.run(host, "true")
        for _ in range(5):
            local = _free_port()
            given = self._control(host, "forward", "-L", f"127.0.0.1:{local}:{target}:{port}")
            if given.returncode == 0:
                return local
        reason = given.stderr.decode(errors="replace").strip() or "no reason given"
        what = f"no port to {target} by way of {host.name}: {reason}"
        raise OperatorError(what, login_command(host))

    def close(self) -> None:
        for host in self._used.values():
            if self.control_path(host).exists():
                self._control(host, "exit")
        self._used.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _control(self, host: Host, act: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        # No configuration: `ClearAllForwardings` would take the one away that is asked for here.
        path = str(self.control_path(host))
        return self._brief(["ssh", "-F", "none", "-S", path, "-O", act, *more, host.address])

    def _brief(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return answered(words, seconds=CONTROL_SECONDS)
        except UnboundedError as error:
            return subprocess.CompletedProcess(words, SSH_FAILED, b"", str(error).encode())


def as_root(text: str) -> str:
    return shlex.join(["sudo", "-n", "--", "/bin/sh", "-c", text])


def login_command(host: Host) -> str:
    words = ["ssh", "-o", "StrictHostKeyChecking=yes", "-p", str(host.port)]
    words += ["-i", host.key_file] if host.key_file else []
    return shlex.join([*words, *host.ssh_options, f"{host.user}@{host.address}", "true"])


def unreachable(host: Host, errors: str) -> OperatorError:
    """What ssh's own complaint means for the operator."""
    where = f"{host.name} ({host.user}@{host.address})"
    pinned = host.known_hosts_file or "~/.ssh/known_hosts"
    forget = shlex.join(["ssh-keygen", "-f", pinned, "-R", host.address])
    learn = f"ssh-keyscan -p {host.port} {host.address} >> {shlex.quote(pinned)}"
    if "IDENTIFICATION HAS CHANGED" in errors:
        return OperatorError(
            f"{where} shows another host key than the one in {pinned}: nothing was sent to it.",
            f"only if it was rebuilt: {forget} && {learn}, and compare the fingerprint",
        )
    if "Host key verification failed" in errors or "host key is known for" in errors:
        return OperatorError(
            f"{where}: no host key is pinned in {pinned}: nothing was sent to it.",
            f"{learn}, and compare the fingerprint",
        )
    if "Permission denied" in errors:
        keys = host.key_file or "your own keys"
        return OperatorError(f"{where} refuses the login with {keys}.", login_command(host))
    lines = [line for line in errors.splitlines() if line.strip()]
    reason = lines[-1].strip() if lines else "the connection broke"
    return OperatorError(f"{where} can't be reached: {reason}", login_command(host))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
