"""Being written."""


def check(answers, options):
    raise NotImplementedError


def probe(options):
    raise NotImplementedError
