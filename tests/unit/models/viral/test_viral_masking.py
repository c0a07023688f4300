import numpy as np

from models.viral.evaluation import evaluate
from models.viral.features import FEATURES, feature_matrix
from models.viral.masking import GROUPS, HIDDEN_SHARE, hide, known_case, known_cases
from models.viral.schema import INPUT_SCHEMA


def test_each_group_of_fields_is_hidden_whole_in_its_share_of_the_rows(parts):
    rows = parts[0]
    hidden = hide(rows, seed=3)
    for group in GROUPS:
        gone = [np.asarray(hidden[name].is_null()) & ~np.asarray(rows[name].is_null()) for name in group]
        there = [~np.asarray(rows[name].is_null()) for name in group]
        for other in range(1, len(group)):
            both = there[0] & there[other]
            assert (gone[0][both] == gone[other][both]).all()
        if there[0].sum() > 200:
            assert abs(gone[0][there[0]].mean() - HIDDEN_SHARE) < 0.1
    for name in ("views", "taken_at", "label", "split"):
        assert hidden[name].equals(rows[name])


def test_the_same_seed_hides_the_same(parts):
    assert hide(parts[0], 3).equals(hide(parts[0], 3))
    assert not hide(parts[0], 4).equals(hide(parts[0], 3))


def test_every_hidden_field_is_an_input_of_the_model():
    assert {name for group in GROUPS for name in group} <= set(INPUT_SCHEMA.names)


def test_what_is_known_of_a_row_is_told_alike_alone_and_in_a_batch(parts):
    matrix = feature_matrix(hide(parts[0].slice(0, 200), 5))
    assert [known_case(row) for row in matrix] == known_cases(matrix).tolist()
    assert known_case(np.full(len(FEATURES), np.nan)) == 3


def test_a_request_that_knows_less_is_still_answered_better_than_by_no_growth(predictor, parts, options):
    test = parts[2]
    known = [
        name
        for name in test.column_names
        if name not in ("previous_views", "previous_taken_at", "published_at")
    ]
    measured = evaluate(predictor, test.select(known), options, 3)
    assert measured.metrics["log_loss"] < measured.baselines["no_growth"]["log_loss"]
