import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from config.errors import ModelInvalid
from models.ctr import FAMILY
from models.ctr.features import FEATURES, feature_row
from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor, load
from tests.ctr_learning_world import predictor, world

OPTIONS = CtrOptions()
MODEL = predictor()
TEST = world()[1]
ROWS = TEST.to_pylist()


def test_trees_are_part_of_the_model_here():
    assert MODEL.booster is not None


def test_a_batch_a_request_and_single_rows_are_answered_alike():
    answers = MODEL.predict(TEST, explain=4)
    assert [MODEL.predict_one(row, explain=4) for row in ROWS] == answers
    assert MODEL.predict_many(ROWS, explain=4) == answers
    assert MODEL.predict_many([]) == []
    assert "top_features" not in MODEL.predict_one(ROWS[0])


def test_an_answer_is_consistent_with_itself():
    for row in MODEL.predict(TEST):
        assert row["ctr_low"] <= row["predicted_ctr"] <= row["ctr_high"]
        assert row["predicted_band"] == OPTIONS.band(row["predicted_ctr"])
        assert 0 < row["confidence"] <= 1


def test_contributions_sum_to_the_log_odds():
    row = feature_row(ROWS[3], MODEL.fitted)
    parts = MODEL._contributions(row)
    bias = MODEL.booster._booster.predict(row[None], pred_contrib=True)[0, -1]
    total = MODEL.weights[0] + parts.sum() / MODEL.calibration.slope + bias
    assert total == pytest.approx(MODEL._odds(row[None])[0])
    top = MODEL.predict_one(ROWS[3], explain=3)["top_features"]
    assert [abs(value) for one in top for value in one.values()] == sorted(np.abs(parts), reverse=True)[:3]


def test_a_better_word_is_what_moves_an_answer():
    good, bad = (
        {"title": f"the cat walks home {word}", "placement": "place1"} for word in ("secret", "report")
    )
    assert MODEL.predict_one(good)["predicted_ctr"] > 1.2 * MODEL.predict_one(bad)["predicted_ctr"]
    names = {name for one in MODEL.predict_one(bad, explain=4)["top_features"] for name in one}
    assert names & {"title_level_odds", "title_contrast_odds"}


def test_stored_files_answer_as_the_model_did():
    loaded = load(MODEL.to_files())
    assert loaded.predict(TEST) == MODEL.predict(TEST)
    assert loaded.info == MODEL.info
    assert loaded.to_files() == MODEL.to_files()
    FAMILY.check(loaded.predict(FAMILY.probe(OPTIONS)), OPTIONS)
    json.dumps(loaded.info)


def test_a_model_without_trees_is_stored_and_answers():
    bare = CtrPredictor(None, MODEL.weights, MODEL.fitted, MODEL.calibration, OPTIONS, {"base_rate": 0.03})
    loaded = load(bare.to_files())
    assert loaded.predict(TEST, explain=2) == bare.predict(TEST, explain=2) != MODEL.predict(TEST, explain=2)
    assert loaded.info["trees"] == 0


def before_devices():
    """The files of :data:`MODEL` as the platform wrote them before there were devices."""
    files = MODEL.to_files()
    stored = json.loads(files["model.json"])
    assert (stored["features"].pop(), stored["linear"].pop(), stored["encodings"].pop("device")) == (
        "device_odds", 0.0, {},
    )  # fmt: skip
    lines = files["model.txt"].decode().split("\n")
    for number, line in enumerate(lines):
        name, _, value = line.partition("=")
        if name == "max_feature_idx":
            lines[number] = f"{name}={int(value) - 1}"
        elif name in ("feature_names", "feature_infos"):
            lines[number] = line.rpartition(" ")[0]
    trees = "\n".join(lines).encode()
    stored["sha256"]["model.txt"] = hashlib.sha256(trees).hexdigest()
    return {**files, "model.txt": trees, "model.json": json.dumps(stored).encode()}


def test_a_version_from_before_devices_answers_as_it_did_whatever_the_device():
    old = load(before_devices())
    assert old.booster.columns == len(FEATURES) - 1
    assert old.predict(TEST, explain=len(FEATURES)) == MODEL.predict(TEST, explain=len(FEATURES))
    asked = [{**row, "device": "tv"} for row in ROWS]
    assert old.predict_many(asked) == [old.predict_one(row) for row in asked] == MODEL.predict(TEST)
    assert load(old.to_files()).predict(TEST) == MODEL.predict(TEST)
    FAMILY.check(old.predict(FAMILY.probe(OPTIONS)), OPTIONS)


def test_many_threads_get_the_answers_of_one():
    rows = ROWS[:30]
    expected = [MODEL.predict_one(row, explain=2) for row in rows]
    gate = threading.Barrier(8)

    def ask(_):
        gate.wait()
        return [MODEL.predict_one(row, explain=2) for _ in range(5) for row in rows]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(8)):
            assert answers == expected * 5


def broken(**changes):
    files = MODEL.to_files()
    return {**files, "model.json": json.dumps({**json.loads(files["model.json"]), **changes}).encode()}


def test_files_that_are_no_such_model_are_refused_with_the_reason():
    files = MODEL.to_files()
    stored = json.loads(files["model.json"])
    short = files["words.npy"][:-4000]
    cases = {
        "lacks its file words.npy": {name: content for name, content in files.items() if name != "words.npy"},
        "not describe": {**files, "model.json": b"{"},
        "KeyError.'thresholds'": broken(options={}),
        "format 9": broken(format=9),
        "other features.*duration": broken(features=list(FEATURES[1:])),
        "calibration or the linear": broken(calibration={**stored["calibration"], "slope": float("nan")}),
        "base rate, the spread or the slope": broken(spread={"rate": 2.0, "phi": 10.0}),
        "level of the days": broken(level={"first": 1, "deviations": []}),
        "model.txt is not the file": {**files, "model.txt": files["model.txt"][:-100]},
        "words.npy is not the file": {**files, "words.npy": short},
    }
    for reason, case in cases.items():
        with pytest.raises(ModelInvalid, match=reason):
            load(case)


def test_words_of_another_shape_are_refused_even_with_a_right_sum():
    for content in (b"no array", MODEL.to_files()["words.npy"][:-8]):
        sums = {
            **json.loads(MODEL.to_files()["model.json"])["sha256"],
            "words.npy": hashlib.sha256(content).hexdigest(),
        }
        with pytest.raises(ModelInvalid, match=r"words\.npy"):
            load({**broken(sha256=sums), "words.npy": content})
