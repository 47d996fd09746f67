"""One module for each command of the command line; each has a `run` that takes the arguments and returns the status."""
