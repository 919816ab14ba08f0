"""Profile `bare`: servers as they are delivered, with nothing on them but a way in.

Only the service's git repository is there: it stands for the address that the service's code is
cloned from, which a real server reaches over the network.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.machine.remote import Host
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import put_repository

# Git refuses repositories of other users, and the service's user is not there yet: this is the id
# that the first user made on such a server gets, after the lab's own login user.
FIRST_USER = "1001:1001"


def build(hosts: Sequence[Host]) -> None:
    """Put the repository on a host that has nothing.

    Params:
        hosts: all of them, clean.
    """
    put_repository(AsRoot(host_of(hosts, "service")), owner=FIRST_USER)
