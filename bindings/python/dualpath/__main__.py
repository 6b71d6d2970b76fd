"""``python -m dualpath``: classify, watch, info and convert on the command line."""

from __future__ import annotations

import sys

from .program.main import main

if __name__ == "__main__":
    sys.exit(main())
