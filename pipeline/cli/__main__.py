"""`python -m pipeline.cli` is the command `linnaeus`."""

from pipeline.cli.main import main

main()
