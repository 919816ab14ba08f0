"""What others answer has one deadline and a size, and becomes a sentence where it is no answer."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from hostswitch.base import child, processes
from hostswitch.base.user import Account
from hostswitch.decide import gate
from hostswitch.decide.gate import Company, Expectation
from hostswitch.description.claims import Signalled
from hostswitch.pm2 import rpc
from hostswitch.pm2.client import Pm2
from hostswitch.service import status
from hostswitch.service.status import NoStatusError, ask
from sessionstore.judgement.activity import DATABASE

from ..kinds import description

SECONDS = 1.0
ENOUGH = 4 * SECONDS
"""Nothing below may take longer, on a busy machine too."""
Said = Iterator[bytes]

HEAD = b"HTTP/1.1 200 OK\r\n"
PLAIN = HEAD + b"\r\n"


def slowly(text: bytes) -> Said:
    for byte in text:
        time.sleep(0.05)
        yield bytes([byte])


def silence() -> Said:
    time.sleep(2 * SECONDS)
    yield b""


@contextmanager
def answering(listener: socket.socket, said: Callable[[], Said]) -> Iterator[None]:
    """Whoever connects hears this, until it hangs up."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(4096)
                    for piece in said():
                        connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)
        listener.close()


def http(said: Callable[[], Said], address: str = "127.0.0.1") -> dict[str, Any]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family)
    host = f"[{address}]" if ":" in address else address
    with answering(listener, said):
        return ask(f"http://{host}:{listener.getsockname()[1]}/status")


def once(text: bytes) -> Callable[[], Said]:
    return lambda: iter([text])


ENDLESS: dict[str, Callable[[], Said]] = {
    "content, byte by byte": lambda: chain([PLAIN], slowly(b"[" * 1000)),
    "headers, byte by byte": lambda: slowly(HEAD + b"a: b\r\n" * 1000),
    "content without end": lambda: chain([PLAIN], repeat(b" " * 65536)),
    "headers without end": lambda: chain([HEAD], repeat(b"a: b\r\n" * 1000)),
    "one header without end": lambda: chain([HEAD + b"a: "], repeat(b"b" * 65536)),
    "chunks without end": lambda: chain(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"1\r\n[\r\n" * 1000)
    ),
    "a length that is no length": once(HEAD + b"Content-Length: 99999999999999\r\n\r\n{}"),
    "a chunk that is none": once(HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n{}"),
    "continue, continue": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "silence": lambda: chain([PLAIN], silence()),
}
ODD = {
    "nothing": b"",
    "a list": PLAIN + b"[]",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n{}",
    "not a number": PLAIN + b'{"companies": NaN}',
    "beyond any number": PLAIN + b'{"companies": 1e400}',
    "a number of a million digits": PLAIN + b'{"pid": ' + b"1" * 1_000_000 + b"}",
    "half a character": PLAIN + b'{"companies": "\\ud800"}',
    "half a character as a name": PLAIN + b'{"\\ud800": 1}',
    "nested": PLAIN + b'{"a":' + b"[" * 300_000,
    "nested to its end": PLAIN + b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no UTF-8": PLAIN + b'{"a": "\xff"}',
    "no HTTP": b"\x00" * 1000,
    "cut off": HEAD + b"Content-Length: 100\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n[",
    "a chunk of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
}


@pytest.mark.parametrize("kind", [*ENDLESS, *ODD])
def test_a_status_that_is_none_is_a_sentence_in_time(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The service's user decides what answers there: while it is stopped, and for ever."""
    monkeypatch.setattr(status, "_ANSWER_SECONDS", SECONDS)
    began = time.monotonic()
    with pytest.raises(NoStatusError, match=r"^http://127\.0\.0\.1:\d+/status ") as error:
        http(ENDLESS.get(kind) or once(ODD[kind]))
    assert time.monotonic() - began < ENOUGH
    assert str(error.value).isprintable() and len(str(error.value)) < 300


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    "answer",
    [
        PLAIN + b'{"pid": 1}',
        HEAD + b'Content-Length: 10\r\n\r\n{"pid": 1}, more of no use',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"pi\r\n6;x=y\r\nd": 1}\r\n0\r\n\r\n',
        b'HTTP/1.0 200 OK\r\n\r\n{"pid": 1}',
    ],
)
def test_a_status_is_read_however_it_is_spelled(address: str, answer: bytes) -> None:
    """What a server in front of the service makes of an answer is none of its faults."""
    assert http(once(answer), address) == {"pid": 1}


HUGE = "9" * 1_000_000
LIES: list[Any] = [None, [], "x", {"1": None}, {"1": []}] + [
    {"1": {name: lie}}
    for name in ("provider", "credentials", "keys", "connection")
    for lie in ("1000", HUGE, True, 1.5, [1], {"a": HUGE}, None, -1)
]


@pytest.mark.parametrize("companies", LIES, ids=lambda lie: str(lie)[:40])
def test_a_status_of_another_shape_is_a_problem_in_a_line(companies: Any) -> None:
    """A number as text, a truth as a number: not healthy, and no traceback after the stop."""
    expected = Expectation({"1": Company(DATABASE, True, 2)}, connected=True)
    signals, seen = (
        description("lab").signals,
        Signalled({"companies": companies, "flags": companies}),
    )
    found = gate.problems(signals, seen, expected)
    assert found and all(len(problem) < 300 for problem in found)
    assert len(repr(gate.shown(signals, seen, ["1"]))) < 1000


def daemon_socket(place: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "rpc.sock"))
    listener.listen()
    return listener


def pm2(place: Path, said: Callable[[], Said]) -> Any:
    with answering(daemon_socket(place), said):
        return rpc.call(place, os.geteuid(), "getMonitorData", {}, seconds=SECONDS)


def message(*parts: bytes) -> bytes:
    head = bytes([1 << 4 | len(parts)])
    return head + b"".join(struct.pack(">I", len(part)) + part for part in parts)


NAME = b"s:hostswitch:0"
PM2_ANSWERS: dict[str, Callable[[], Said]] = {
    "byte by byte": lambda: slowly(message(b"j:" + b" " * 1000, NAME)),
    "a large part without end": lambda: chain([b"\x1f\xff\xff\xff\xff"], repeat(b"x" * 65536)),
    "many large parts": lambda: chain([b"\x1f"], repeat(struct.pack(">I", 9 << 20) + bytes(9 << 20))),
    "no parts": once(b"\x10"),
    "cut off": once(message(b'j:{"args": []}', NAME)[:-1]),
    "a list": once(message(b"j:[]", NAME)),
    "nested": once(message(b"j:" + b"[" * 300_000, NAME)),
    "half a character": once(message(b'j:{"args": ["\\ud800"]}', NAME)),
    "an endless number": once(message(b'j:{"args": [1e999]}', NAME)),
}  # fmt: skip


@pytest.mark.parametrize("kind", PM2_ANSWERS)
def test_a_daemon_that_does_not_answer_well_is_a_sentence_in_time(
    tmp_path: Path, kind: str
) -> None:
    """PM2's daemon is its user's process: it must not keep root waiting, nor fill its memory."""
    began = time.monotonic()
    with pytest.raises(rpc.Pm2DaemonError, match="did not answer getMonitorData"):
        pm2(tmp_path, PM2_ANSWERS[kind])
    assert time.monotonic() - began < ENOUGH


@pytest.mark.parametrize("shape", [b"null", b"0", b"{}", b'{"0": 1}', b'"x"'])
def test_an_answer_without_a_list_of_arguments_is_no_answer(tmp_path: Path, shape: bytes) -> None:
    assert pm2(tmp_path, once(message(b'j:{"args": ' + shape + b"}", NAME))) is None


GOOD = {"name": "app", "pm_id": 0, "pid": 1, "pm2_env": {"status": "online", "restart_time": 3}}
ENTRIES: list[Any] = [
    None,
    [GOOD],
    {},
    {**GOOD, "pm2_env": None},
    {**GOOD, "name": ["app"]},
    {**GOOD, "pid": "1"},
    {**GOOD, "pm_id": None},
    *({**GOOD, "pm2_env": {name: {}}} for name in ("status", "restart_time", "pm_out_log_path")),
    *({**GOOD, "pm2_env": {name: {"a": 1}}} for name in ("exec_mode", "status")),
    {**GOOD, "pm2_env": {"restart_time": "many"}},
    *({**GOOD, "pm2_env": {name: odd}} for name, odd in (("kill_timeout", "9"), ("pm_cwd", 5))),
    {**GOOD, "pm2_env": {"pm_err_log_path": "/a\0b"}},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_an_odd_entry_of_the_list_is_a_sentence(tmp_path: Path, entry: Any) -> None:
    """It is met after the stop too, where a traceback is a service that stays down."""
    account = Account("nobody", "/", os.geteuid(), os.getegid(), "/usr/bin")
    with subprocess.Popen(
        ["sh", "-c", "read end", "PM2: God Daemon"], stdin=subprocess.PIPE
    ) as god:
        (tmp_path / "pm2.pid").write_text(str(god.pid))
        # A process that was just begun has no title for an instant.
        while b"God Daemon" not in Path(f"/proc/{god.pid}/cmdline").read_bytes():
            time.sleep(0.001)
        answer = message(b"j:" + json.dumps({"args": [[GOOD, entry]]}).encode(), NAME)
        with (
            answering(daemon_socket(tmp_path), once(answer)),
            pytest.raises(rpc.Pm2DaemonError, match="gave no list of apps"),
        ):
            Pm2(account, str(tmp_path)).apps()


def sh(script: str, **options: Any) -> child.Done:
    return child.run(["sh", "-c", script], seconds=SECONDS, **options)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("sleep 60", "took more than 1 s"),
        ("sleep 60 & sleep 60", "took more than 1 s"),
        ("exec >&- 2>&-; sleep 60", "took more than 1 s"),
        ("trap '' TERM INT HUP; sleep 60; sleep 60", "took more than 1 s"),
        ("while :; do printf x; sleep 0.05; done", "took more than 1 s"),
        ("yes", "said more than 8 MiB"),
        ("yes >&2", "said more than 8 MiB"),
    ],
)
def test_a_program_without_end_is_ended_with_all_that_it_started(script: str, why: str) -> None:
    marked = f": {time.monotonic_ns()}; {script}; :"
    began = time.monotonic()
    with pytest.raises(child.EndlessError, match=why):
        sh(marked)
    assert time.monotonic() - began < ENOUGH
    assert marked not in subprocess.check_output(["ps", "axww"], text=True)


def test_what_a_program_leaves_behind_neither_holds_up_nor_stays() -> None:
    """A child of its own that keeps the pipe open made us wait for it, without end."""
    began = time.monotonic()
    script = "sleep 60 & echo $!; setsid sleep 10 & cat; echo err >&2; exit 3"
    done = child.run(["sh", "-c", script], seconds=20, given=b"in")
    assert time.monotonic() - began < 8
    pid, *rest = done.output.splitlines()
    assert (done.code, rest, done.errors) == (3, [b"in"], b"err\n")
    left = processes.tree({int(pid)})
    assert not processes.wait_gone(left, 5)


def test_a_program_has_no_terminal_of_ours() -> None:
    """A terminal that it inherits takes what it types as the operator's own words (TIOCSTI)."""
    with closing(os.fdopen(os.memfd_create("x"), "w+b")) as file:
        file.write(b"inherited")
        file.seek(0)
        done = sh(f"ps -o sid= $$; cat /dev/fd/{file.fileno()}", inherits=[file.fileno()])
    session, said = done.output.split()
    assert said == b"inherited"
    assert int(session) != os.getsid(0)
