"""The command line: `linnaeus init | plan | exam | run | status | sql | label | serve | embedders | taxonomy | students | up | doctor`."""

from pipeline.cli.main import app, main

__all__ = ["app", "main"]
