"""Settings as one table: each option is a flag, an environment variable and a key of the file.

Order of precedence: flag, `HARVESTER_<NAME>`, `harvester.toml`, default.
"""

from __future__ import annotations

from harvester.settings.hooks import Hook
from harvester.settings.table import OPTIONS, Option, Settings, load
from harvester.settings.values import Address

__all__ = ["OPTIONS", "Address", "Hook", "Option", "Settings", "load"]
