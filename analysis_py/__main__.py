"""Entry of ``python -m analysis_py``."""

import sys

from analysis_py.cli import main

if __name__ == "__main__":
    sys.exit(main())
