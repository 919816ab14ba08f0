"""pg_hba.conf: a rollout replaces what it knows, and shuts nobody out whom nobody declared."""

from __future__ import annotations

import pytest

from roles.database.hba import DEBIANS, strange_lines
from roles.database.tasks import TEMPLATES
from roles.shared.files import content_of


def declared(*networks: str, further: tuple[str, ...] = ()) -> list[str]:
    """The file as the role writes it."""
    names = {"database": "whatsapp", "owner": "whatsapp_owner", "app": "whatsapp_app"}
    template = TEMPLATES / "pg_hba.conf.j2"
    return content_of(template, networks=networks, further=further, **names).splitlines()


OURS = declared("10.0.0.0/24")
BY_HAND = "hostssl whatsapp whatsapp_app 10.0.0.0/24 scram-sha-256"
REPORTS = "hostssl reports  reader  10.9.0.7/32  scram-sha-256"


@pytest.mark.parametrize(
    ("present", "wanted", "strange"),
    [
        ([], OURS, []),
        (list(DEBIANS), OURS, []),
        (["# a comment", "", "local   all   all   peer # ours"], OURS, []),
        (OURS, OURS, []),
        ([*DEBIANS, BY_HAND], OURS, []),
        ([*DEBIANS, BY_HAND], declared("10.1.0.0/24"), [BY_HAND]),
        (OURS, declared("10.1.0.0/24"), []),
        ([*OURS, BY_HAND], declared("10.1.0.0/24"), [BY_HAND]),
        ([*OURS, REPORTS], OURS, [REPORTS]),
        ([*OURS, REPORTS], declared("10.0.0.0/24", further=(REPORTS,)), []),
        (["host all all 0.0.0.0/0 md5"], OURS, ["host all all 0.0.0.0/0 md5"]),
        (["local all all trust"], OURS, ["local all all trust"]),
        (["include_dir extra"], OURS, ["include_dir extra"]),
    ],
)
def test_a_line_that_is_nobodys_we_know_is_named(
    present: list[str], wanted: list[str], strange: list[str]
) -> None:
    """The other application on that server would be locked out at the next reload, by a rollout."""
    assert strange_lines(present, wanted) == strange
