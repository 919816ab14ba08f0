"""Standard input that never shows itself in a log."""

from __future__ import annotations

from pyinfra.api.hiddenvalue import HiddenValue


class SecretLines(list[str]):
    """Lines for pyinfra's ``_stdin`` that print as a mask.

    Secrets reach a host on standard input only: ``_env`` and arguments stand in the remote argv,
    and a fact's or an operation's keyword arguments are printed when it fails or with ``-v``
    (docs/facts.md section 5, "Exit codes and output"). pyinfra's ``write_stdin`` takes any list.
    """

    def __repr__(self) -> str:
        return str(HiddenValue(""))

    __str__ = __repr__
