"""Entry point of ``python -m refresh``."""

import sys

from refresh.cli import main

sys.exit(main())
