"""Floor 6: the `assay` command."""
