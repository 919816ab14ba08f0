"""Our reading and editing of .env files against the real dotenv package, for files of any kind."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostswitch.envfile.staging import UnwritableValueError, edited
from hostswitch.envfile.values import parse

SCRIPT = Path(__file__).parent / "service" / "read-env.js"
EXAMPLES = 20_000 if os.environ.get("ROLLOUT_SOAK") else 600
Reader = Callable[[bytes], dict[str, str]]

NAMES = st.sampled_from(["A", "LOG_LEVEL", "MESSAGE.ECHO", "x-1", "export"])
# Whatever a grammar can stumble over, more often than chance would bring it.
PIECES = st.sampled_from(
    [
        *"'\"`#=:\\ \t\n\r",
        *("\r\n", "\\n", "\\r", "\\'", '\\"', "export ", "export\n", "A=", "A: ", "A =\n", "LOG_LEVEL='"),
        *("x", "ключ", "🙂", "\u00a0", "\u2028", "\u2029", "\ufeff", "\x85", "\x1f", "\x00", "\v", "İ"),
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=24).map("".join)
LINES = st.builds("{}{}{}".format, NAMES, st.sampled_from(["=", ": ", " = ", "=\n"]), TEXTS)
FILES = st.builds(
    lambda parts, end, junk: ("\n".join(parts) + end).encode() + junk,
    st.lists(st.one_of(LINES, TEXTS), max_size=8),
    st.sampled_from(["", "\n", "\r\n"]),
    st.sampled_from([b"", b"\xff\xfe", b"B=\xe2\x82"]),
)
VALUES = st.one_of(TEXTS, st.text(max_size=20), st.sampled_from(["true", "false", "a=b # c", ""]))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def dotenv(tools: Path) -> Iterator[Reader]:
    """The real package, in one Node.js process that answers as long as it is asked."""
    with subprocess.Popen(
        ["node", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(tools / "node_modules")},
    ) as node:
        assert node.stdin and node.stdout
        asking, answering = node.stdin, node.stdout

        def read(content: bytes) -> dict[str, str]:
            asking.write(base64.b64encode(content) + b"\n")
            asking.flush()
            return dict(json.loads(answering.readline()))

        yield read
        node.stdin.close()


def readable(values: dict[str, str]) -> dict[str, str]:
    """Without half surrogates, which JSON carries and no file does."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in values.items()}


@many
@given(content=FILES)
def test_any_file_is_read_as_dotenv_reads_it(dotenv: Reader, content: bytes) -> None:
    """A value read otherwise is a flag that we call set and the service does not see."""
    assert readable(parse(content)) == dotenv(content)


@many
@given(head=TEXTS, unit=st.lists(PIECES, max_size=3), times=st.integers(1, 300), tail=TEXTS)
def test_a_file_of_one_kind_of_trouble_is_read_as_dotenv_reads_it(
    dotenv: Reader, head: str, unit: list[str], times: int, tail: str
) -> None:
    """Where a reader takes a short way through what is repeated, it must not get lost."""
    content = (f"A={head}" + "".join(unit) * times + tail).encode()
    assert readable(parse(content)) == dotenv(content)


@pytest.mark.parametrize("head", ["", "A=", "A='", 'A="', "A=x"])
@pytest.mark.parametrize(
    "unit", ["A=\n", "\u2028'y", "A=x\u2028`y", "A='x' y\n", "\\'", "A='\"`\n", "export\n", "\r", "A", " "]
)  # fmt: skip
def test_the_largest_file_is_read_in_no_time(head: str, unit: str) -> None:
    """The service's user writes it; root reads it while the service is down, and 200 kB took 22 s."""

    def seconds(size: int) -> float:
        content = (head + unit * (size // len(unit.encode()))).encode()
        began = time.process_time()
        parse(content)
        return time.process_time() - began

    def least(size: int) -> float:
        # Quadratic is 16 times in each try; a busy machine, or a search for garbage among all that the
        # tests before left, was 25 times in one.
        return min(seconds(size) for _ in range(3))

    assert least(1 << 18) < 8 * max(least(1 << 16), 0.02)


@many
@given(content=FILES, changes=st.dictionaries(NAMES, VALUES, max_size=3))
def test_any_edit_gives_the_declared_values_and_changes_no_other(
    dotenv: Reader, content: bytes, changes: dict[str, str]
) -> None:
    """A neighbour that changes with a flag is an outage that nobody declared."""
    before = dotenv(content)
    try:
        result = edited(content, changes)
    except UnwritableValueError:
        return
    assert dotenv(result) == {**before, **changes}


@many
@given(content=FILES, value=st.sampled_from(["true", "debug", "https://a.example/?b=c", "a b"]))
def test_an_ordinary_value_can_always_be_written(
    dotenv: Reader, content: bytes, value: str
) -> None:
    """However strange the rest of a file is, a flag in it can be toggled."""
    assert dotenv(edited(content, {"LOG_LEVEL": value}))["LOG_LEVEL"] == value


@pytest.mark.parametrize(
    "value",
    ["a=b", "a # b", "it's", 'say "hi"', "`x`", "one\ntwo", "cr\rlf\r\n", "🙂", "x" * 65536, "\\n", "#"],
)  # fmt: skip
def test_values_that_are_hard_to_write(dotenv: Reader, value: str) -> None:
    """A password with a # or a quote in it must not be cut off where dotenv takes it for a comment."""
    content = b"# kept\r\nexport A = 'old' # why\r\nB=\"two\r\nlines\"\r\nC=3"
    result = edited(content, {"A": value})
    assert dotenv(result) == {**dotenv(content), "A": value}
    if "\n" not in value:
        changed = [
            line
            for line, before in zip(result.split(b"\n"), content.split(b"\n"), strict=True)
            if line != before
        ]
        assert len(changed) == 1
        assert changed[0].startswith(b"export A = ")
        assert changed[0].endswith(b" # why\r")
