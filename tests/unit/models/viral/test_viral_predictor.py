import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from config.errors import InputError, ModelInvalid, TrainingError
from models.booster import FastBooster
from models.viral import FAMILY
from models.viral.features import FEATURES, feature_matrix
from models.viral.masking import CASES
from models.viral.options import CLASSES, SCORE_RANGES
from models.viral.training import fit

UNUSABLE = {"shift": 0, "scale": -1, "slip": 0}


def test_a_batch_a_request_and_single_rows_are_answered_alike(predictor, parts):
    test = parts[2].slice(0, 60)
    rows = test.to_pylist()
    answers = predictor.predict(test, explain=4)
    assert [predictor.predict_one(row, explain=4) for row in rows] == answers
    assert predictor.predict_many(rows, explain=4) == answers
    assert predictor.predict_many([]) == []


def test_scores_rise_with_the_expectation_and_stay_in_the_range_of_their_class(predictor, parts):
    answers = sorted(predictor.predict(parts[2]), key=lambda found: found["expected_views"])
    scores = [found["viral_score"] for found in answers]
    assert scores == sorted(scores)
    for found in answers:
        low, high = SCORE_RANGES[CLASSES.index(found["viral_class"])]
        assert low <= found["viral_score"] <= high
        assert isinstance(found["viral_score"], int)


def test_the_class_answered_is_the_likeliest_and_a_class_below_the_present_one_is_next_to_impossible(
    predictor, parts
):
    for row, found in zip(parts[2].to_pylist(), predictor.predict(parts[2]), strict=True):
        chances = list(found["probabilities"].values())
        assert sum(chances) == pytest.approx(1)
        assert found["confidence"] == max(chances) == found["probabilities"][found["viral_class"]]
        now = int(np.searchsorted(predictor.options.thresholds, row["views"], side="right"))
        assert sum(chances[:now]) < 0.01
        assert found["expected_views"] >= row["views"] - 1e-6 * row["views"]


def test_it_learns_more_than_that_nothing_changes(predictor, parts, options):
    found = FAMILY.evaluate(predictor, parts[2], options, 5)
    base = found.baselines
    assert found.metrics["log_loss"] < min(base["no_growth"]["log_loss"], base["majority"]["log_loss"])
    assert found.metrics["macro_f1"] > base["majority"]["macro_f1"]
    low, high = found.intervals["log_loss"]
    assert low <= found.metrics["log_loss"] <= high
    assert found.confusion.sum() == found.rows == len(found.losses) == len(found.groups) == parts[2].num_rows
    assert sum(found.importance.values()) == pytest.approx(1)


def test_contributions_are_exact(predictor, parts):
    row = feature_matrix(parts[2])[0]
    full = predictor.booster._booster.predict(row[None], pred_contrib=True)[0]
    assert predictor.booster.contributions(row) == pytest.approx(full[:-1])
    assert full.sum() == pytest.approx(predictor.booster.raw(row))
    top = predictor.predict_one(parts[2].to_pylist()[0], explain=3)["top_features"]
    sizes = [abs(value) for feature in top for value in feature.values()]
    assert sizes == sorted(np.abs(full[:-1]), reverse=True)[:3]


def test_the_same_rows_and_seed_give_the_same_files(predictor, parts, options):
    again = fit(parts[0], parts[1], options, {"trees": 30}, seed=3)
    assert again.to_files() == predictor.to_files()
    assert fit(parts[0], parts[1], options, {"trees": 30}, seed=4).to_files() != predictor.to_files()


def test_stored_files_answer_as_the_model_did(predictor, parts, options):
    loaded = FAMILY.load(predictor.to_files())
    assert loaded.predict(parts[2]) == predictor.predict(parts[2])
    assert loaded.info == predictor.info
    assert loaded.to_files() == predictor.to_files()
    FAMILY.check(loaded.predict(FAMILY.probe(options)), options)
    json.dumps(loaded.info)


def test_many_threads_get_the_answers_of_one(predictor, parts):
    rows = parts[2].to_pylist()[:40]
    expected = [predictor.predict_one(row) for row in rows]
    gate = threading.Barrier(8)

    def ask(_):
        gate.wait()
        return [predictor.predict_one(row) for _ in range(10) for row in rows]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(8)):
            assert answers == expected * 10


def test_callers_are_freed_with_their_thread_and_the_model_with_its_last_user(predictor, parts):
    for _ in range(30):
        booster = FastBooster(predictor.to_files()["model.txt"].decode())
        thread = threading.Thread(target=booster.contributions, args=(np.zeros(len(FEATURES)),))
        thread.start()
        thread.join()
        del booster
    assert predictor.predict_one(parts[2].to_pylist()[0])


def broken(files, **changes):
    return {**files, "model.json": json.dumps({**json.loads(files["model.json"]), **changes}).encode()}


def test_files_that_are_no_such_model_are_refused_with_the_reason(predictor):
    files = predictor.to_files()
    cases = {
        "lacks its file model.json": {"model.txt": files["model.txt"]},
        "not describe": {**files, "model.json": b"{"},
        "KeyError.'horizon_seconds'": broken(
            files, options={"thresholds": [1, 2, 3], "classes": list(CLASSES)}
        ),
        "format 9": broken(files, format=9),
        "other features.*views_log": broken(files, features=list(FEATURES[1:])),
        "calibration.*not usable": broken(files, calibration=dict.fromkeys(CASES, UNUSABLE)),
        "SHA-256": {**files, "model.txt": files["model.txt"][:-100]},
    }
    for reason, case in cases.items():
        with pytest.raises(ModelInvalid, match=reason):
            FAMILY.load(case)


def test_impossible_answers_fail_the_check(predictor, options):
    answers = predictor.predict(FAMILY.probe(options))
    for change, reason in [
        ({"viral_score": 101.0}, "outside the range"),
        ({"viral_class": "mega"}, "lacks or garbles"),
        ({"probabilities": {"low": 0.9, "medium": 0.3, "high": 0.0, "ultra": 0.0}}, "sum to"),
        ({"expected_views": float("nan")}, "expected views"),
        ({"confidence": 0.123}, "confidence"),
    ]:
        with pytest.raises(ModelInvalid, match=reason):
            FAMILY.check([{**answers[0], **change}, *answers[1:]], options)
    with pytest.raises(ModelInvalid, match="gave 1 answers"):
        FAMILY.check(answers[:1], options)


def test_what_cannot_be_trained_on_is_told(parts, options):
    train, valid, _ = parts
    with pytest.raises(TrainingError, match="19 training rows"):
        fit(train.slice(0, 19), valid, options, {}, 1)
    with pytest.raises(TrainingError, match="0 validation rows"):
        fit(train, valid.slice(0, 0), options, {}, 1)
    with pytest.raises(TrainingError, match="of one video"):
        fit(
            pa.concat_tables([train.slice(0, 1)] * 20),
            pa.concat_tables([train.slice(0, 1)] * 20),
            options,
            {},
            1,
        )
    with pytest.raises(TrainingError, match="no parameter depth"):
        fit(train, valid, options, {"depth": 3}, 1)
    with pytest.raises(TrainingError, match="LightGBM refuses"):
        fit(train, valid, options, {"min_data_in_leaf": "many"}, 1)
    with pytest.raises(TrainingError, match="LightGBM refuses"):
        fit(train, valid, options, {"num_leaves": -4}, 1)


def test_a_class_that_training_never_saw_can_still_be_answered(parts, options):
    train, valid, test = parts
    small = [
        part.filter(pa.array([label != "ultra" for label in part["label"].to_pylist()]))
        for part in (train, valid)
    ]
    predictor = fit(*small, options, {"trees": 10}, 1)
    assert FAMILY.evaluate(predictor, test, options, 1).rows == test.num_rows
    assert predictor.predict_one({"views": 5_000_000})["viral_class"] == "ultra"


def test_without_views_there_is_no_answer(predictor):
    with pytest.raises(InputError, match="views"):
        predictor.predict_one({"likes": 5})


def test_nothing_to_measure_is_said(predictor, parts, options):
    with pytest.raises(InputError, match="no test rows"):
        FAMILY.evaluate(predictor, parts[2].slice(0, 0), options, 1)
