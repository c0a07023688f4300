"""Being written."""


def evaluate(predictor, test, options, seed):
    raise NotImplementedError
