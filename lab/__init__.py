"""The lab: disposable Debian hosts that really boot, on this machine, for rehearsals and tests."""
