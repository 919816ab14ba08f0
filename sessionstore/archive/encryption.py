"""Compressing and encrypting through ``zstd`` and ``age``, both Debian's own programs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import IO

from sessionstore.disk.walk import CHUNK
from sessionstore.errors import ArchiveProblem, without_identities

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


class _Program:
    """A running program of a pipeline; nothing secret in its arguments, which can be seen by all."""

    def __init__(self, command: Sequence[str], stdin: int | IO[bytes]) -> None:
        self.name = command[0]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the program)
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=_ENVIRONMENT,
                # Session files are small: without it each is a write of its own, or two.
                bufsize=CHUNK,
            )
        except OSError as error:
            self._complaints.close()
            remedy = f"Install it: apt-get install {self.name}"
            what = f"cannot run {self.name}: {error.strerror}"
            raise ArchiveProblem(what, remedy=remedy) from None
        assert self.process.stdout is not None
        self.output: IO[bytes] = self.process.stdout

    def finish(self) -> str | None:
        """Wait for its end; tell what it complained about, None where it ended well."""
        code = self.process.wait()
        self._complaints.seek(0)
        said = self._complaints.read(2000).decode("utf-8", "replace").split("\n")[0].strip()
        self._complaints.close()
        # age quotes the first line of what is no archive: an identity, where both were mixed up.
        said = without_identities(said) or "no message"
        return None if code == 0 else f"{self.name} ended with {code}: {said}"

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._complaints.close()


class Encryption(AbstractContextManager["Encryption"]):
    """A pipeline ``zstd | age`` into a file, hashed on its way. Left without ``finish`` it is killed."""

    def __init__(self, target_fd: int, recipients: Sequence[str]) -> None:
        self._target = target_fd
        self._digest = hashlib.sha256()
        self._written = 0
        self._trouble: OSError | None = None
        self._zstd = _Program(["zstd", "-q", "-3", "-c"], subprocess.PIPE)
        assert self._zstd.process.stdin is not None
        self._input = self._zstd.process.stdin
        arguments = [part for one in recipients for part in ("-r", one)]
        try:
            self._age = _Program(["age", *arguments], self._zstd.output)
        except ArchiveProblem:
            self._zstd.kill()
            raise
        self._zstd.output.close()
        self._pump = threading.Thread(target=self._write_out, daemon=True)
        self._pump.start()

    def write(self, data: bytes) -> None:
        try:
            self._input.write(data)
        except OSError:
            raise ArchiveProblem(self._diagnosis()) from None

    def finish(self) -> tuple[str, int]:
        """Flush everything; gives SHA-256 and size of what was written."""
        try:
            self._input.close()
        except OSError:
            raise ArchiveProblem(self._diagnosis()) from None
        self._pump.join()
        complaint = self._zstd.finish(), self._age.finish()
        if self._trouble or any(complaint):
            raise ArchiveProblem(self._words(*complaint))
        return self._digest.hexdigest(), self._written

    def _write_out(self) -> None:
        while chunk := self._age.output.read1(CHUNK):  # type: ignore[attr-defined]
            self._digest.update(chunk)
            self._written += len(chunk)
            try:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(self._target, view) :]
            except OSError as error:
                self._trouble = error
                self._age.process.kill()
                return

    def _diagnosis(self) -> str:
        """Say why the pipe broke; age first, because zstd dies of age's death."""
        self._pump.join()
        return self._words(self._age.finish()) or self._words(self._zstd.finish())

    def _words(self, *complaints: str | None) -> str:
        if self._trouble:
            return f"cannot write the archive: {self._trouble.strerror}"
        return "; ".join(one for one in complaints if one)

    def __exit__(self, *_: object) -> None:
        self._zstd.kill()
        self._age.kill()
        self._pump.join()
        self._age.output.close()


class Decryption(AbstractContextManager["Decryption"]):
    """A pipeline ``age --decrypt | zstd --decompress`` to read from. Use in ``with``."""

    def __init__(self, source: int | IO[bytes], identity_file: str) -> None:
        self._identity_file = identity_file
        self._age = _Program(["age", "--decrypt", "-i", identity_file], source)
        try:
            self._zstd = _Program(["zstd", "-q", "-d", "-c"], self._age.output)
        except ArchiveProblem:
            self._age.kill()
            raise
        self._age.output.close()
        self.output = self._zstd.output

    def finish(self) -> None:
        complaints = [one for one in (self._age.finish(), self._zstd.finish()) if one]
        if complaints:
            remedy = "The archive is damaged, or this is not its identity."
            raise ArchiveProblem(complaints[0], self._identity_file, remedy)

    def __exit__(self, *_: object) -> None:
        self._zstd.output.close()
        self._zstd.kill()
        self._age.kill()
