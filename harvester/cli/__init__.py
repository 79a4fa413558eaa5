"""The command line: one thin module for each command, found by name when it is asked for."""

from harvester.cli.main import main

__all__ = ["main"]
