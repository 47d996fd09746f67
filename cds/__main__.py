"""`python -m cds` is the command line."""

from cds.cli import main

# The engine's worker process imports this module under another name.
if __name__ == "__main__":
    raise SystemExit(main())
