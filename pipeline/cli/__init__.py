"""The command line: `linnaeus init | plan | run | status | sql | label | serve | taxonomy | doctor`."""

from pipeline.cli.main import app, main

__all__ = ["app", "main"]
