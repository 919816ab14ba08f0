"""Which checks of hosts a failure may be acknowledged of."""

from __future__ import annotations

import re
from functools import cache

from rollout.checkout import ROOT

_CHECKS = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
_ABOUT_KEYS = ("test_archive", "test_schema", "test_sessions_in_database", "test_switch")
_BY_NAME = {
    "test_each_company_is_on_postgresql",
    "test_no_ratchet_went_back",
    "test_one_process_uses_the_accounts",
}


@cache
def acknowledgeable() -> frozenset[str]:
    """All but those that tell whether keys are safe: a removal rests on them."""
    places = (ROOT / "tests/host").glob("test_*.py")
    files = [path.read_text() for path in places if path.stem not in _ABOUT_KEYS]
    return frozenset(name for text in files for name in _CHECKS.findall(text)) - _BY_NAME
