"""What a model of image moderation answers, and what it does not approve."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from config.errors import ModelInvalid, TrainingError
from models.family import get_family
from models.imagery.acceptance import check, probe
from models.imagery.answering import NO_VERSION, NOT_WHOLE, UNLIKE, ImageScore, score_images, worst
from models.imagery.evaluation import auc, evaluate, threshold_figures
from models.imagery.predictor import ImageryPredictor, load
from models.imagery.training import fit
from models.images import animation as animations
from tests.imagery_world import (
    CLASSES,
    OPTIONS,
    TINY,
    animation,
    imagery_rows,
    picture,
    tiny_imagery_files,
    tiny_imagery_model,
)

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1" + b"\x00" * 64


@pytest.fixture(scope="module")
def model() -> ImageryPredictor:
    return tiny_imagery_model()


def test_pictures_are_told_apart_with_a_calibrated_score_of_each_harm(model: ImageryPredictor) -> None:
    table = pa.table({"image": [picture(label, 900_000 + number) for number in range(6) for label in CLASSES]})

    answers = model.predict(table)

    right = [answer["label"] == label for answer, label in zip(answers, CLASSES * 6, strict=True)]
    assert np.mean(right) > 0.8
    for answer in answers:
        assert set(answer["scores"]) == {"nsfw", "violence"}
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0)


def test_a_picture_answers_alone_as_it_does_among_others(model: ImageryPredictor) -> None:
    files = [picture("nsfw", 1), animation(["safe", "violence"]), picture("safe", 2)]
    together = model.answer_photos(files)
    for file, answer in zip(files, together, strict=True):
        assert not isinstance(answer, Exception)
        assert model.answer_photo(file)["scores"] == pytest.approx(answer["scores"], abs=1e-5)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_a_harm_in_a_later_frame_of_an_animation_is_seen(model: ImageryPredictor, form: str) -> None:
    calm = model.answer_photo(animation(["safe", "safe", "safe"], form=form))
    hidden = model.answer_photo(animation(["safe", "safe", "violence"], form=form))
    assert hidden["scores"]["violence"] > 0.5 > calm["scores"]["violence"]
    assert (hidden["label"], hidden["frames"], hidden["whole"]) == ("violence", 3, True)


def test_what_stands_at_the_edge_of_a_wide_picture_is_seen(model: ImageryPredictor) -> None:
    wide = np.full((64, 256, 3), 120, np.uint8)
    edged = wide.copy()
    edged[:, :40] = 0
    assert not np.array_equal(model.prepare.cut(wide), model.prepare.cut(edged))


@pytest.mark.parametrize(
    ("file", "reason"),
    [(b"", "empty file"), (b"GIF89a", "broken image"), (HEIC, "HEIC pictures are not opened"),
     (picture("safe", 3)[:400], "broken image"), (b"hello", "not an image")],
)  # fmt: skip
def test_a_picture_that_cannot_be_opened_has_no_score_and_does_not_touch_the_others(
    model: ImageryPredictor, file: bytes, reason: str
) -> None:
    good, bad, other = score_images(model, [picture("safe", 4), file, picture("safe", 4)])
    assert bad == ImageScore(None, reason)
    assert good.scores is not None
    assert good == other


def test_without_a_version_nothing_is_safe() -> None:
    assert score_images(None, [picture("safe", 1)]) == [ImageScore(None, NO_VERSION)]


def test_a_picture_unlike_all_that_was_learned_from_is_not_approved_by_its_scores(
    model: ImageryPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = model.answer_photo(picture("safe", 1)) | {"none_of_these": True}
    monkeypatch.setattr(model, "answer_photos", lambda *_: [answer], raising=False)
    assert score_images(model, [b"x"])[0].reason == UNLIKE


def test_an_animation_that_is_not_looked_at_to_its_end_says_so(
    model: ImageryPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = animation(["safe", "safe", "safe", "safe"])
    assert score_images(model, [whole])[0].reason is None
    monkeypatch.setattr(animations, "MOST_PIXELS", 96 * 72 * 2)
    assert score_images(model, [whole])[0].reason == NOT_WHOLE


def test_several_pictures_are_as_bad_as_the_worst_and_all_doubts_are_told() -> None:
    found = [
        ImageScore({"nsfw": 0.2, "violence": 0.9}),
        ImageScore({"nsfw": 0.4, "violence": 0.1}, UNLIKE),
        ImageScore(None, "broken image"),
        ImageScore(None, "broken image"),
    ]
    assert worst(found) == ({"nsfw": 0.4, "violence": 0.9}, (UNLIKE, "broken image"))
    assert worst([]) == ({}, ())


def test_frames_score_as_the_same_pictures_do(model: ImageryPredictor) -> None:
    from models.images.decode import decode_image

    file = picture("nsfw", 5)
    pixels = decode_image(file, OPTIONS.limits, shortest=model.classifier.size).pixels
    assert model.labels == ("nsfw", "violence")
    expected = list(model.answer_photo(file)["scores"].values())
    assert model.scores([pixels, pixels]) == pytest.approx(np.array([expected, expected]), abs=1e-5)
    assert model.scores([]).shape == (0, 2)


def test_a_model_comes_back_from_its_files_and_answers_the_same(model: ImageryPredictor) -> None:
    files = model.to_files()
    assert load(files).to_files() == files
    assert load(files).info["classes"] == list(CLASSES)
    with pytest.raises(ModelInvalid, match=r"model\.onnx"):
        load({name: data for name, data in files.items() if name != "model.onnx"})


def test_the_files_of_another_family_are_refused() -> None:
    files = tiny_imagery_files()
    facts = json.loads(files["model.json"]) | {"family": "face"}
    with pytest.raises(ModelInvalid, match="family 'face', not 1 and 'imagery'"):
        load({**files, "model.json": json.dumps(facts).encode()})


def test_a_model_passes_the_questions_before_promotion_and_impossible_answers_do_not(
    model: ImageryPredictor,
) -> None:
    answers = model.predict(probe(OPTIONS))
    check(answers, OPTIONS)
    blind = [{**answer, "scores": {"nsfw": 0.1}} for answer in answers]
    with pytest.raises(ModelInvalid, match="no score of violence"):
        check(blind, OPTIONS)
    with pytest.raises(ModelInvalid, match="answers"):
        check(answers[1:], OPTIONS)


def test_a_class_without_a_picture_is_no_reason_to_call_it_safe() -> None:
    with pytest.raises(TrainingError, match="no picture of violence"):
        fit(imagery_rows(12, 1, CLASSES[:2]), imagery_rows(8, 2, CLASSES[:2], "valid"), OPTIONS, TINY, 1)


def test_an_evaluation_tells_what_the_thresholds_would_do(model: ImageryPredictor) -> None:
    found = evaluate(model, imagery_rows(12, 3, split="test"), OPTIONS, 1)
    assert found.metrics["auc/nsfw"] > 0.9
    assert found.metrics["auc/violence"] > 0.9
    assert 0.0 <= found.metrics["rejected/nsfw"] <= found.metrics["caught/nsfw"] <= 1.0
    assert found.metrics["rejected/safe"] <= found.metrics["caught/safe"]
    assert found.metrics["accuracy"] > found.baselines["majority"]["accuracy"]
    assert found.mistakes == ()


def test_figures_at_thresholds_count_what_is_rejected_and_what_a_person_sees() -> None:
    truth = np.array([0, 0, 1, 1, 2])
    chances = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.25, 0.75, 0], [0.6, 0.4, 0], [0.8, 0.1, 0.1]])
    found = threshold_figures(truth, chances, OPTIONS)
    assert (found["rejected/nsfw"], found["caught/nsfw"]) == (0.5, 1.0)
    assert (found["rejected/violence"], found["caught/violence"]) == (0.0, 0.0)
    assert (found["rejected/safe"], found["caught/safe"]) == (0.5, 0.5)


def test_the_area_under_the_curve_counts_a_tie_as_half() -> None:
    assert auc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx(3.5 / 4)


def test_a_service_needs_no_torch_to_answer(tmp_path: Path) -> None:
    for name, data in tiny_imagery_files().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "picture").write_bytes(picture("safe", 1))
    code = (
        "import sys; from pathlib import Path; from models.imagery.predictor import load\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != 'picture'}\n"
        "load(files).answer_photo((folder / 'picture').read_bytes())\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


def test_the_family_is_known_and_learns_from_whole_pictures() -> None:
    family = get_family("imagery")
    assert (family.heavy, family.review, family.veiled, family.fallback) == (("image",), "flagged", True, True)
