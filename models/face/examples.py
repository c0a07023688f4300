"""Being written."""


def collect(sources, window, options):
    raise NotImplementedError


def examples_from_rows(rows, options):
    raise NotImplementedError


def source_span(window, options):
    return window
