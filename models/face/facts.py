"""Being written."""


def facts(batch, options):
    raise NotImplementedError
