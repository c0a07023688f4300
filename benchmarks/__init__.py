"""Figures, each taken beside the alternative that a user would pick, in the same run: `make bench`."""
