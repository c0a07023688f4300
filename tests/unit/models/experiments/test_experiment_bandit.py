import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from config.errors import InputError, ModelInvalid
from models.experiments.bandit import Bandit, LearnRow, _feature, _shared_line
from models.experiments.definition import Definition, VariantCounts, parse_definition
from models.experiments.policy import draw, probabilities

EXPLORERS = ("squarecb", "epsilon", "softmax")


def experiment(explorer: str = "squarecb", **changes: Any) -> Definition:
    return parse_definition(
        {
            "id": "x",
            "title": "x",
            "variants": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
            "policy": {"kind": "contextual", "explorer": explorer, "exploration": 0.01},
            "context": [{"name": "who"}, {"name": "hour", "kind": "number"}],
            **changes,
        }
    )


def rows(count: int, seed: int = 1) -> list[LearnRow]:
    rng = np.random.default_rng(seed)
    return [
        LearnRow(
            {"who": f"w{rng.integers(4)}", "hour": float(rng.integers(24))},
            "abc"[rng.integers(3)],
            float(rng.uniform(0.02, 0.9)),
            float(rng.random()),
        )
        for _ in range(count)
    ]


QUESTIONS: list[dict[str, str | float]] = [{"who": f"w{i}", "hour": float(5 * i)} for i in range(5)]


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_answers_are_probabilities_no_less_than_the_floor(explorer: str) -> None:
    with Bandit(experiment(explorer)) as bandit:
        bandit.learn(rows(200))
        for question in [{}, *QUESTIONS]:
            found = bandit.probabilities(question)
            assert found.shape == (3,)
            assert found.dtype == np.float64
            assert found.sum() == pytest.approx(1, abs=1e-12)
            assert found.min() >= 0.01 - 1e-12


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_without_learning_no_variant_is_favoured(explorer: str) -> None:
    with Bandit(experiment(explorer)) as bandit:
        assert bandit.probabilities({"who": "w1"}) == pytest.approx([1 / 3] * 3, abs=1e-6)


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_it_learns_who_likes_what_and_thompson_without_context_cannot(explorer: str) -> None:
    """Three groups like one variant each: overall every variant is as good as the others."""
    definition = experiment(explorer)
    rng = np.random.default_rng(3)
    earned: list[float] = []
    with Bandit(definition) as bandit:
        for _ in range(60):
            batch = []
            for _ in range(50):
                group = int(rng.integers(3))
                context: dict[str, str | float] = {"who": f"w{group}", "hour": float(rng.integers(24))}
                chances = bandit.probabilities(context)
                chosen = draw(chances, rng.random())
                chance = 0.6 if chosen == group else 0.2
                earned.append(chance)
                batch.append(
                    LearnRow(context, "abc"[chosen], float(chances[chosen]), float(rng.random() < chance))
                )
            bandit.learn(batch)
    last = float(np.mean(earned[-1000:]))
    assert last > 0.53  # always the right one: 0.6; at random: 0.333

    plain = experiment(policy={"kind": "thompson"}, context=[])
    tried, won, blind = np.zeros(3), np.zeros(3), []
    for _ in range(60):
        counts = [VariantCounts("abc"[i], int(tried[i]), won[i], won[i]) for i in range(3)]
        chances = probabilities(plain, counts)
        for _ in range(50):
            group, chosen = int(rng.integers(3)), draw(chances, rng.random())
            chance = 0.6 if chosen == group else 0.2
            blind.append(chance)
            tried[chosen] += 1
            won[chosen] += rng.random() < chance
    assert float(np.mean(blind[-1000:])) < 0.37


def test_attributes_carry_over_to_a_variant_that_was_never_tried() -> None:
    definition = experiment(
        variants=[
            {"name": "a", "attributes": {"tone": "loud", "seconds": 3}},
            {"name": "b", "attributes": {"tone": "calm", "seconds": 3}},
            {"name": "c", "attributes": {"tone": "loud", "seconds": 3}},
        ]
    )
    with Bandit(definition) as bandit:
        for _ in range(200):
            bandit.learn([LearnRow({}, "a", 0.5, 1.0), LearnRow({}, "b", 0.5, 0.0)])
        found = bandit.probabilities({})
    assert found[2] - 0.01 > 2 * (found[1] - 0.01)  # above the floor


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_the_true_propensity_is_what_it_learns_with(explorer: str) -> None:
    """A made-up propensity leads to other answers, but for squarecb, whose regression has no weights."""
    rng = np.random.default_rng(4)
    log = []
    for _ in range(60):
        chosen, propensity = ("a", 0.9) if rng.random() < 0.9 else ("b", 0.1)
        log.append(LearnRow({}, chosen, propensity, float(rng.random())))
    made_up = [LearnRow(row.context, row.variant, 0.5, row.reward) for row in log]
    with Bandit(experiment(explorer)) as true, Bandit(experiment(explorer)) as false:
        true.learn(log)
        false.learn(made_up)
        here, there = true.probabilities({}), false.probabilities({})
        if explorer == "softmax":
            assert not np.allclose(here, there, atol=1e-3)
        elif explorer == "squarecb":
            assert (here == there).all()
        else:  # the same variant leads, with other estimates
            assert true.state() != false.state()


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_state_restores_the_same_answers_in_another_process_and_learns_on_alike(explorer: str) -> None:
    definition = experiment(explorer)
    more = rows(50, seed=9)
    with Bandit(definition) as bandit:
        bandit.learn(rows(300))
        state = bandit.state()
        here = [bandit.probabilities(question).tolist() for question in QUESTIONS]
        bandit.learn(more)
        later = [bandit.probabilities(question).tolist() for question in QUESTIONS]
    program = f"""
import json, sys
from models.experiments.bandit import Bandit, LearnRow
from models.experiments.definition import parse_definition
definition = parse_definition(json.loads({json.dumps(definition.as_dict())!r}))
bandit = Bandit(definition, bytes.fromhex(sys.stdin.read()))
questions = json.loads({json.dumps(QUESTIONS)!r})
first = [bandit.probabilities(each).tolist() for each in questions]
bandit.learn([LearnRow(**each) for each in json.loads({json.dumps([vars(row) for row in more])!r})])
print(json.dumps([first, [bandit.probabilities(each).tolist() for each in questions]]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], input=state.hex(), capture_output=True, text=True, check=True
    )
    there, there_later = json.loads(ran.stdout)
    assert there == here
    assert there_later == later
    assert here != later


def test_answering_changes_nothing() -> None:
    with Bandit(experiment()) as bandit:
        bandit.learn(rows(50))
        before = bandit.state()
        first = bandit.probabilities(QUESTIONS[0])
        for question in QUESTIONS * 20:
            bandit.probabilities(question)
        assert (bandit.probabilities(QUESTIONS[0]) == first).all()
        bandit.learn([])
        with Bandit(experiment(), before) as other:
            assert (other.probabilities(QUESTIONS[0]) == first).all()


def test_half_a_state_is_refused() -> None:
    with Bandit(experiment()) as bandit:
        bandit.learn(rows(20))
        state = bandit.state()
    for broken in (b"", b"x", state[:-1], state[:30], state + b"x", b"y" + state[1:]):
        with pytest.raises(ModelInvalid, match="not whole"):
            Bandit(experiment(), broken)


TRICKY = (
    "two words",
    "a|b",
    "|a variant=a",
    "a:3",
    ":9",
    "line\nbreak",
    "carriage\rreturn",
    "tab\tbed",
    "shared",
    "0:-1:0.5 |a x",
    "12345",
    "ünï 😀 漢字",
    "100%",
    "a%20b",
    "",
    "'tag",
    '"quoted"',
    "-5.5",
)


def test_texts_that_the_format_would_misread_stay_one_feature() -> None:
    encoded = [_feature("who", text) for text in TRICKY]
    assert len(set(encoded)) == len(TRICKY)
    for each in encoded:
        assert each.isascii()
        assert not set(each) & set(" |:\n\r\t")
        assert each.startswith("who=")
    # a name cannot run into its value, nor a number be taken for a text
    assert _feature("a", "b=c") != _feature("a=b", "c")
    assert _shared_line({"a b": "c|d", "hour": 3.0}) == "shared |c a%20b=c%7Cd hour:3"


@pytest.mark.parametrize("text", TRICKY)
def test_vowpal_wabbit_itself_reads_such_a_text_as_one_category(text: str) -> None:
    """It learns the variant that this very category likes, and tells it from others."""
    other = "another"
    definition = experiment(
        variants=[
            {"name": "a", "attributes": {text or "x": text, "more": 2.5, "flag": True}},
            {"name": "b", "attributes": {"says": f"{text}|b other:3\nshared |c x"}},
        ]
    )
    with Bandit(definition) as bandit:
        for _ in range(80):
            bandit.learn(
                [
                    LearnRow({"who": text}, "a", 0.5, 1.0),
                    LearnRow({"who": text}, "b", 0.5, 0.0),
                    LearnRow({"who": other}, "a", 0.5, 0.0),
                    LearnRow({"who": other}, "b", 0.5, 1.0),
                ]
            )
        assert bandit.probabilities({"who": text})[0] > 0.8
        assert bandit.probabilities({"who": other})[1] > 0.8


def test_answers_stand_in_the_order_of_the_variants() -> None:
    for good in range(3):
        with Bandit(experiment()) as bandit:
            for _ in range(60):
                bandit.learn(
                    [LearnRow({}, name, 1 / 3, float(place == good)) for place, name in enumerate("abc")]
                )
            assert int(bandit.probabilities({}).argmax()) == good


@pytest.mark.parametrize(
    "row",
    [
        LearnRow({}, "z", 0.5, 1.0),
        LearnRow({}, "a", 0.0, 1.0),
        LearnRow({}, "a", 1.5, 1.0),
        LearnRow({}, "a", float("nan"), 1.0),
        LearnRow({}, "a", 0.5, -0.1),
        LearnRow({}, "a", 0.5, 20.0),
        LearnRow({}, "a", 0.5, float("nan")),
    ],
)
def test_a_row_that_cannot_be_is_refused_and_nothing_of_its_batch_is_learned(row: LearnRow) -> None:
    with Bandit(experiment()) as bandit:
        before = bandit.probabilities({"who": "w1"})
        with pytest.raises(InputError):
            bandit.learn([*rows(10), row])
        assert (bandit.probabilities({"who": "w1"}) == before).all()


def test_the_module_loads_vowpal_wabbit_only_when_a_bandit_is_made() -> None:
    program = "import sys, models.experiments.bandit; print('vowpalwabbit' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
