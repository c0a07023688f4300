"""Being written."""


def load(files):
    raise NotImplementedError
