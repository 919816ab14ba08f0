"""Runs on the host: the last bytes of some files. Arguments: how many bytes at most, the paths."""

from __future__ import annotations

import base64
import json
import os
import sys

from tests.host.probes.reading import opened


def end_of(path: str, most: int) -> dict[str, object]:
    """The end of one file and how large it is, or why it can't be read."""
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return {"size": size, "end": base64.b64encode(file.read(most)).decode()}
    except OSError as error:
        return {"problem": error.strerror or str(error)}


def main() -> None:
    """Print them all."""
    most, paths = int(sys.argv[1]), sys.argv[2:]
    json.dump({path: end_of(path, most) for path in paths}, sys.stdout)


main()
