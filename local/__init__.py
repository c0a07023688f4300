"""The embedded stack that `assay up` starts."""
