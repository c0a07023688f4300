"""The sample world of `make demo`."""
