"""Debian packages: installed if they are missing, and otherwise not touched."""

from collections.abc import Iterator, Sequence

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.shared.shell import Lines, script


class MissingPackages(Lines):
    """Which of some Debian packages are not installed, in their order."""

    def command(self, packages: Sequence[str]) -> StringCommand:
        """``dpkg-query`` says ``installed`` for a package that is whole; it is asked once."""
        text = (
            "found=$(dpkg-query -W -f '${db:Status-Status} ${Package}|' \"$@\" 2>/dev/null); "
            'for name; do case "|$found" in *"|installed $name|"*) ;; *) echo "$name";; esac; done'
        )
        return script(text, *packages)


@operation()
def packages_installed(packages: Sequence[str]) -> Iterator[StringCommand]:
    """Install what is missing, package lists brought up to date first.

    pyinfra's ``apt.packages`` with a cache time updates the lists of a host that needs nothing, so
    a plan would show a change every day.
    """
    missing = host.get_fact(MissingPackages, packages=packages)
    if not missing:
        host.noop("the packages are installed")
        return
    yield StringCommand(
        "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq &&",
        "apt-get install -y -qq --no-install-recommends",
        *map(QuoteString, missing),
    )
