"""From scores to a decision."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from models.moderation.decide import SEVERITY, Policy, decide, policy_from_settings

POLICY = Policy({"spam": 0.8, "hate": 0.7, "nsfw": 0.7}, review_at=0.5, flag_at=0.35)
SCORE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0.0, "approved"), (0.27, "approved"), (0.29, "flagged"), (0.39, "flagged"), (0.41, "review_required"),
        (0.79, "review_required"), (0.8, "rejected"), (1.0, "rejected"),
    ],
)  # fmt: skip
def test_bands_of_a_threshold_follow_one_another(score: float, decision: str) -> None:
    assert decide({"spam": score}, POLICY).decision == decision


def test_the_worst_label_wins_and_all_causes_are_told_the_hardest_first() -> None:
    found = decide({"spam": 0.9, "hate": 0.3, "toxicity": 1.0}, POLICY, spans={"spam": [[3, 7]]})
    assert found.decision == "rejected"
    assert [reason.label for reason in found.reasons] == ["spam", "hate"]
    assert found.reasons[0].spans == ((3, 7),)
    assert found.flags == ("spam", "hate")
    assert json.loads(json.dumps(found.reasons[0].as_json()))["spans"] == [[3, 7]]


def test_what_nothing_could_look_at_is_never_approved() -> None:
    found = decide({"spam": 0.0}, POLICY, missing=("image",))
    assert found.decision == "review_required"
    assert found.uncertainty == 1.0
    assert "image" in found.reasons[0].text
    assert found.flags == ()
    assert decide({"spam": 0.95}, POLICY, missing=("image",)).decision == "rejected"


def test_uncertainty_is_one_at_the_border_and_nothing_at_the_ends() -> None:
    assert decide({"spam": 0.8}, POLICY).uncertainty == pytest.approx(1.0)
    assert decide({"spam": 0.0}, POLICY).uncertainty == 0.0
    assert decide({"spam": 1.0}, POLICY).uncertainty == 0.0
    assert decide({}, POLICY).uncertainty == 0.0


@given(SCORE, SCORE, SCORE)
def test_a_higher_score_is_never_judged_milder(low: float, high: float, other: float) -> None:
    low, high = sorted((low, high))
    before, after = (decide({"spam": one, "hate": other}, POLICY) for one in (low, high))
    assert SEVERITY.index(before.decision) <= SEVERITY.index(after.decision)
    assert 0.0 <= after.uncertainty <= 1.0


def test_the_settings_thresholds_are_used() -> None:
    policy = policy_from_settings(Settings(ml_spam_threshold=0.6, moderation_review_at=0.9))
    assert policy.thresholds["spam"] == 0.6
    assert set(policy.thresholds) == {"spam", "hate", "toxicity", "nsfw", "violence"}
    assert policy.review_at == 0.9
