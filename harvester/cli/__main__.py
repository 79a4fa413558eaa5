"""Run with `python -m harvester.cli`."""

import sys

from harvester.cli.main import main

sys.exit(main())
