"""`python -m schemabench`: the command line."""

import sys

from schemabench.cli import main

sys.exit(main())
