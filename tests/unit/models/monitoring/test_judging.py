"""A family's day as a whole: a quiet one says nothing, and each change gives its finding and only that."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.columns import take_rows
from models.monitoring.inputs import Rules
from models.monitoring.judging import judge

RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)


def changed(table, name, values):
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, field.type)
    return table.set_column(place, field, column.cast(field.type))


def judged(story, inputs):
    return judge(story.family, story.options, inputs, RULES)


def subjects(story, inputs):
    return {one.subject for one in judged(story, inputs).findings}


def test_a_quiet_day_has_figures_and_no_finding(story):
    found = judged(story, story.quiet)
    assert found.findings == ()
    assert found.skipped == ()
    assert found.live is not None
    assert not found.live.worse
    assert {one.kind for one in found.compared} == {"number", "category", "text", "answer"}
    names = [figure.name for figure in found.figures]
    assert len(set(names)) == len(names)
    assert {"rows", "loss", "macro_f1", "drift of views", "drift of title"} <= set(names)


def test_the_order_of_all_rows_changes_nothing(story):
    rng = np.random.default_rng(1)
    mixed = {
        name: take_rows(table, rng.permutation(table.num_rows))
        for name in ("reference", "current", "held_out", "live")
        for table in [getattr(story.quiet, name)]
    }
    one, other = judged(story, story.quiet), judged(story, story.but(**mixed))
    assert one.findings == other.findings
    for before, after in zip(one.compared, other.compared, strict=True):
        assert (before.name, before.psi) == (after.name, pytest.approx(after.psi))


def test_creators_of_another_size_are_a_drift_of_that_alone(story):
    followers = pc.multiply(story.quiet.current["creator_followers"].cast(pa.float64()), 8.0).cast(pa.int64())
    inputs = story.but(current=changed(story.quiet.current, "creator_followers", followers))
    found = judged(story, inputs)
    assert [one.subject for one in found.findings] == ["feature creator_followers"]
    assert "creator_followers has shifted" in found.findings[0].sentence
    assert found.findings[0].fingerprint == "drift/viral/feature creator_followers"
    assert found.findings[0].link == "/monitoring/viral"
    json.dumps(dict(found.findings[0].figures))


def test_a_field_that_is_no_longer_sent_is_said_to_be_missing(story):
    now = story.quiet.current
    gone = pc.if_else(pa.array(np.random.default_rng(2).random(now.num_rows) < 0.6), None, now["likes"])
    found = judged(story, story.but(current=changed(now, "likes", gone)))
    assert {one.subject for one in found.findings} == {"missing likes", "missing like_rate"}
    assert all(one.check == "stats" for one in found.findings)


def test_titles_about_something_else_are_told_by_their_words(story):
    now = story.quiet.current
    rng = np.random.default_rng(3)
    other = [
        title if rng.random() < 0.2 else f"Crypto airdrop wallet bonus {rng.integers(99)}"
        for title in now["title"].to_pylist()
    ]
    inputs = story.but(current=changed(now, "title", other))
    texts = [one for one in judged(story, inputs).findings if one.subject == "text title"]
    assert len(texts) == 1
    assert "airdrop" in texts[0].sentence


def test_a_new_language_is_named(story):
    now = story.quiet.current
    rng = np.random.default_rng(4)
    new = ["ja" if rng.random() < 0.08 else name for name in now["language"].to_pylist()]
    found = judged(story, story.but(current=changed(now, "language", new)))
    assert [one.subject for one in found.findings] == ["values language"]
    assert "'ja'" in found.findings[0].sentence


def test_outcomes_that_no_longer_follow_are_lost_accuracy(story):
    rows = story.quiet.live
    views = rows["views_at_horizon"].to_numpy()
    mixed = np.where(np.random.default_rng(5).random(len(views)) < 0.4, views[::-1], views)
    found = judged(story, story.but(live=changed(rows, "views_at_horizon", mixed)))
    assert [one.subject for one in found.findings] == ["live accuracy"]
    assert found.live is not None
    assert found.live.worse
    assert found.findings[0].severity == "critical"


def test_a_part_that_alone_got_worse_is_named(story):
    rows = story.quiet.live
    sizes = story.family.watch.slices(rows, story.options)["creator_size"]
    of_it = np.asarray(pc.equal(sizes, "medium"))
    views = rows["views_at_horizon"].to_numpy()
    broken = np.where(of_it, np.maximum(views // 50, 1), views)
    found = judged(story, story.but(live=changed(rows, "views_at_horizon", broken)))
    parts = {one.subject for one in found.findings if one.subject.startswith("part ")}
    assert parts == {"part creator_size=medium"}
    assert "part creator_size=medium" in found.parts
    assert len(found.parts) == len(found.slices) > 1
    # of too few rows nobody judged it
    few = take_rows(rows, np.flatnonzero(~of_it | (np.cumsum(of_it) <= 40)))
    without = judged(story, story.but(live=few))
    assert without.live is not None
    assert "part creator_size=medium" not in without.parts


@pytest.mark.parametrize(("rows", "severity"), [(10, "warning"), (0, "critical"), (2000, "warning")])
def test_too_few_or_too_many_rows_of_a_day_are_said(story, rows, severity):
    counts = {**story.quiet.counts, story.quiet.day: rows}
    found = judged(story, story.but(counts=counts)).findings
    assert [(one.subject, one.severity) for one in found] == [("volume", severity)]


def test_answers_that_the_version_does_not_give_now_are_a_skew(story):
    now = story.quiet.current
    version = pa.array(["3"] * now.num_rows)
    given = [answer["viral_class"] for answer in story.quiet.predictor.predict(now)]
    same = changed(changed(now, "predicted_class", given), "predicted_version", version)
    assert "skew" not in subjects(story, story.but(current=same))
    rng = np.random.default_rng(6)
    others = [name if rng.random() < 0.8 else "ultra" for name in given]
    assert "skew" in subjects(story, story.but(current=changed(same, "predicted_class", others)))
    # what another version said is no skew of this one
    older = changed(changed(same, "predicted_class", others), "predicted_version", ["2"] * now.num_rows)
    assert "skew" not in subjects(story, story.but(current=older))


def records_of(story, answers, versions):
    """Predictions of services, a second apart."""
    first = story.quiet.current["taken_at"][0].as_py()
    return pa.table(
        {
            "entity_id": [f"x{at}" for at in range(len(answers))],
            "at": pa.array([first + timedelta(seconds=at) for at in range(len(answers))]),
            "inputs": ['{"views": 10, "likes": 1}'] * len(answers),
            "answer": [json.dumps(answer) for answer in answers],
            "model_version": pa.array(versions, pa.string()),
        }
    )


ULTRA = {"viral_class": "ultra", "viral_score": 99}


def test_what_services_answer_is_held_against_the_test_rows(story):
    found = subjects(story, story.but(asked=records_of(story, [ULTRA] * 300, ["3"] * 300)))
    assert {"answers answer", "answers score"} <= found


def test_what_others_answered_is_no_drift_of_this_version(story):
    # another version's and the stand-in's, which has none
    others = [["2"] * 300, [None] * 300, [None] * 150 + ["2"] * 150, ["3"] * 99 + ["2"] * 201]
    for versions, count in zip(others, (0, 0, 0, 99), strict=True):
        found = judged(story, story.but(asked=records_of(story, [ULTRA] * 300, versions)))
        assert found.findings == ()
        assert f"Drift of the answers: {count} recorded answers are too few." in found.skipped
    said = story.quiet.predictor.predict(story.quiet.current)
    versions = ["3"] * len(said) + ["2"] * 500 + [None] * 500
    found = judged(story, story.but(asked=records_of(story, [*said, *[ULTRA] * 1000], versions)))
    assert "answers answer" in found.subjects
    assert found.findings == ()


def test_what_others_answered_about_collected_rows_is_no_drift_either(story):
    now = story.quiet.current
    ultra = changed(now, "predicted_class", ["ultra"] * now.num_rows)
    for version, drifts in (("3", True), ("2", False), (None, False)):
        given = pa.array([version] * now.num_rows, pa.string())
        found = judged(story, story.but(current=changed(ultra, "predicted_version", given)))
        assert ("answers answer" in {one.subject for one in found.findings}) == drifts


def test_what_is_asked_stands_in_for_few_collected_rows_under_the_same_names(story):
    now = story.quiet.current
    popular = changed(now, "creator_followers", pc.multiply(now["creator_followers"], 30))
    asked = pa.table(
        {
            "entity_id": now["video_id"],
            "at": now["taken_at"],
            "inputs": [json.dumps(row, default=str) for row in popular.to_pylist()],
            "answer": ["{}"] * now.num_rows,
            "model_version": ["3"] * now.num_rows,
        }
    )
    collected = judged(story, story.but(asked=asked))
    few = judged(story, story.but(current=now.slice(0, 20), asked=asked))
    features = [{one.name for one in each.compared if one.kind == "number"} for each in (collected, few)]
    assert features[0] >= features[1] >= {"views", "likes"}
    assert {"feature views", "missing views", "values views"} <= few.subjects
    assert "text title" in collected.subjects - few.subjects
    assert collected.findings == ()
    said = {one.subject: one.sentence for one in few.findings}
    assert said["feature creator_followers"].startswith("creator_followers, in what services are asked, has")


def test_few_rows_say_so_and_find_nothing(story):
    few = story.quiet.current.slice(0, 20)
    found = judged(story, story.but(current=few, live=few, counts={}))
    assert found.findings == ()
    assert any("20 rows of the last days are too few" in text for text in found.skipped)
    assert any("20 rows with outcomes since are too few" in text for text in found.skipped)


def test_without_a_version_only_accuracy_and_answers_are_left_out(story):
    found = judged(story, story.but(predictor=None, version=None))
    assert found.findings == ()
    assert any("no version is in production" in text for text in found.skipped)
    assert {"views", "title"} <= {one.name for one in found.compared}


class _Broken:
    def predict(self, _examples, *, explain=0):
        raise RuntimeError(f"the trees are gone ({explain})")


def test_a_version_that_fails_is_a_finding_and_the_rest_is_judged(story):
    found = judged(story, story.but(predictor=_Broken()))
    assert [(one.subject, one.severity) for one in found.findings] == [("predictor", "critical")]
    assert "the trees are gone" in found.findings[0].sentence
    assert {"views", "title"} <= {one.name for one in found.compared}
    assert any(text.startswith("Live accuracy could not be judged") for text in found.skipped)


def test_rows_that_the_family_refuses_are_not_the_versions_fault(story):
    without = changed(story.quiet.live, "views", pa.nulls(story.quiet.live.num_rows, pa.int64()))
    found = judged(story, story.but(live=without))
    assert found.findings == ()
    assert any(text.startswith("Live accuracy could not be judged: InputError") for text in found.skipped)


def test_notes_of_who_read_the_rows_are_kept(story):
    assert "The store was away." in judged(story, story.but(notes=("The store was away.",))).skipped


def test_a_family_that_nobody_watches_says_so(story):
    family = dataclasses.replace(story.family, watch=None)
    assert judge(family, story.options, story.quiet, RULES).skipped


def test_a_check_that_breaks_is_not_taken_for_a_quiet_one(story):
    def breaks(_rows, _options):
        raise RuntimeError("no such column.")

    family = dataclasses.replace(story.family, watch=dataclasses.replace(story.family.watch, features=breaks))
    found = judge(family, story.options, story.quiet, RULES)
    assert found.unjudged == {"drift"}
    assert found.failures == ("Drift of the features could not be judged: RuntimeError: no such column.",)
    assert found.live is not None
    assert judged(story, story.quiet).unjudged == frozenset()
    unanswerable = judged(story, story.but(live=story.quiet.live.slice(0, 20)))
    assert (unanswerable.unjudged, unanswerable.failures) == (frozenset(), ())


def test_a_day_that_was_not_collected_is_said_as_that(story):
    counts = {day: rows for day, rows in story.quiet.counts.items() if day != story.quiet.day}
    found = judged(story, story.but(counts=counts))
    assert found.skipped == (f"Volume: {story.quiet.day} was not collected.",)
