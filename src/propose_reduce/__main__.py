"""``python -m propose_reduce``: the command line."""

from propose_reduce.cli.main import main

main()
