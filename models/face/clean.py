"""Being written."""


def clean(table, mapping, as_of):
    raise NotImplementedError
