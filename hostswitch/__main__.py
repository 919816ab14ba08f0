"""Entry point of the zipapp and of `python -m hostswitch`."""

import sys

from hostswitch.cli import main

sys.exit(main())
