"""Extended attributes of files and directories, POSIX ACLs and capabilities among them.

In a tar stream they are PAX records ``SCHILY.xattr.NAME``, as GNU tar and bsdtar write and read them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

#: Names, sorted, each with its value.
Attributes = tuple[tuple[str, bytes], ...]

_PAX = "SCHILY.xattr."
# A policy gives it to whatever is made, by where it lies; a copy from elsewhere would be wrong.
_GIVEN_BY_POLICY = "security.selinux"


def read(fd: int) -> Attributes:
    """The attributes of an open file or directory but SELinux's; only root is shown ``trusted.`` ones."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise
    return tuple(
        (name, os.getxattr(fd, name)) for name in sorted(names) if name != _GIVEN_BY_POLICY
    )


def put(fd: int, wanted: Attributes) -> None:
    """Give an open file or directory exactly these; what it has beside them (inherited ACLs) goes."""
    there = dict(read(fd))
    for name in there.keys() - dict(wanted).keys():
        os.removexattr(fd, name)
    for name, value in wanted:
        if there.get(name) != value:
            os.setxattr(fd, name, value)


def to_pax(attributes: Attributes) -> list[tuple[str, bytes]]:
    """Write them as PAX records; a name in them can't hold ``=``, so it is escaped as GNU tar does."""
    return [
        (_PAX + name.replace("%", "%25").replace("=", "%3D"), value) for name, value in attributes
    ]


def from_pax(headers: Mapping[str, str]) -> Attributes:
    """Read them from PAX headers of ``tarfile``, opened with ``errors="surrogateescape"``."""
    return tuple(
        sorted(
            (
                keyword[len(_PAX) :].replace("%3D", "=").replace("%25", "%"),
                value.encode("utf-8", "surrogateescape"),
            )
            for keyword, value in headers.items()
            if keyword.startswith(_PAX)
        )
    )
