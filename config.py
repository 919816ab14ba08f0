"""pyinfra's settings for every deploy of this project."""

from pyinfra import config

# A bare `FAIL_PERCENT = 0` here would be ignored (docs/facts.md section 5): set it on the object.
config.FAIL_PERCENT = 0
config.SUDO = True
config.REQUIRE_PYINFRA_VERSION = "~=3.10"
