"""`python -m neurograsp.edge_runtime.cli`, the same as `neurograsp`."""

import sys

from neurograsp.edge_runtime.cli import main

sys.exit(main())
