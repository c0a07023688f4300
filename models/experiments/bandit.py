"""A contextual bandit by Vowpal Wabbit, ``--cb_explore_adf``.

It learns what each variant earns in each context, and answers with the probability of each variant. Explorers
are Vowpal Wabbit's own: ``--squarecb`` (Foster & Rakhlin 2020, arXiv 2002.04926), ``--epsilon``, ``--softmax``.
The learner is its default, ``mtr`` (Bietti et al. 2021, arXiv 1802.04064, section 3.1), which weighs rewards by
1 / the propensity that was logged. Under ``--squarecb`` Vowpal Wabbit leaves that weight out, as the method
asks for plain regression; it is given the true propensity all the same.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import numpy as np

from config.errors import InputError, ModelInvalid
from models.experiments.definition import Definition, Variant
from models.experiments.policy import floored

#: Of VW's explorers: the share that epsilon-greedy spreads over all variants, and softmax's inverse temperature
#: (rewards are 0..1, so VW's own 1 would be all but uniform). The floor of the definition comes on top.
EPSILON, SOFTMAX_LAMBDA = 0.1, 20.0
#: log2 of the number of weights.
BITS = 18
MAGIC = b"assay-vw-1\n"
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class LearnRow:
    """A decision and what came of it.

    Attributes:
        context: as :func:`models.experiments.context.check_context` gives it.
        variant: the one chosen.
        propensity: the probability that it was drawn with, as logged.
        reward: scaled to 0..1.
    """

    context: Mapping[str, str | float]
    variant: str
    propensity: float
    reward: float


class Bandit:
    """One experiment's bandit. Not thread-safe, not even for answers: VW keeps scratch space in it.

    Args:
        definition: of a contextual experiment.
        state: what :meth:`state` gave; None begins anew.
        seed: VW's, for ties.

    Raises:
        ModelInvalid: ``state`` is not whole.
    """

    def __init__(self, definition: Definition, state: bytes | None = None, seed: int = 0) -> None:
        self._definition = definition
        self._places = {name: place for place, name in enumerate(definition.names)}
        self._actions = [_action_line(variant) for variant in definition.variants]
        self._vw = _start(definition, None if state is None else _unpacked(state), seed)

    def probabilities(self, context: Mapping[str, str | float]) -> np.ndarray:
        """(k,) probability of each variant: VW's, mixed with the uniform split to keep the floor."""
        given = self._vw.predict([_shared_line(context), *self._actions])
        chances = np.array(given, dtype=float)
        if chances.shape != (len(self._actions),) or not np.isfinite(chances).all():
            raise ModelInvalid(
                f"The bandit of experiment {self._definition.id} gave no probabilities: {given!r}."
            )
        chances = np.maximum(chances, 0.0)
        return floored(chances / chances.sum(), self._definition.policy.exploration)

    def learn(self, rows: Sequence[LearnRow]) -> None:
        """Learn each row once, in order: its cost is -reward, its propensity that which it was drawn with.

        Raises:
            InputError: a row's variant, propensity or reward cannot be; nothing is learned then.
        """
        for row in rows:
            self._check(row)
        for row in rows:
            place = self._places[row.variant]
            lines = [_shared_line(row.context), *self._actions]
            # VW's label is action:cost:probability, on the line of the action chosen.
            label = f"{place}:{-row.reward:.9g}:{row.propensity:.9g}"
            lines[place + 1] = f"{label} {lines[place + 1]}"
            self._vw.learn(lines)

    def state(self) -> bytes:
        """Everything learned, step sizes too: a Bandit made with it answers and learns on as this one."""
        # VW writes to a named file only.
        with tempfile.TemporaryDirectory(prefix="assay-bandit-") as folder:
            path = Path(folder) / "model.vw"
            self._vw.save(str(path))
            model = path.read_bytes()
        return MAGIC + hashlib.sha256(model).digest() + model

    def close(self) -> None:
        """Give VW's memory back."""
        self._vw.finish()

    def __enter__(self) -> Bandit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, row: LearnRow) -> None:
        if row.variant not in self._places:
            raise InputError(f"Experiment {self._definition.id} has no variant {row.variant!r}.")
        if not 0.0 < row.propensity <= 1.0:
            raise InputError(f"A propensity must be above 0 and at most 1, not {row.propensity!r}.")
        if not 0.0 <= row.reward <= 1.0:
            raise InputError(f"A reward is learned on the scale 0..1, not as {row.reward!r}.")


def _unpacked(state: bytes) -> bytes:
    """The model file in ``state``. VW itself loads half a file without a word, so it is checked here."""
    digest, model = state[len(MAGIC) :][:_DIGEST], state[len(MAGIC) + _DIGEST :]
    if not state.startswith(MAGIC) or hashlib.sha256(model).digest() != digest:
        raise ModelInvalid(
            "The state of the bandit is not whole.", hint="Restore experiment_models, or learn anew."
        )
    return model


def _start(definition: Definition, model: bytes | None, seed: int) -> Any:
    from vowpalwabbit import Workspace  # a native library: only contextual experiments load it

    policy = definition.policy
    explorer = {
        "squarecb": ["--squarecb"],
        "epsilon": ["--epsilon", f"{EPSILON:g}"],
        "softmax": ["--softmax", "--lambda", f"{SOFTMAX_LAMBDA:g}"],
    }[policy.explorer]
    words = ["--quiet", "--cb_explore_adf", *explorer, "--cb_type", "mtr"]
    # c is the context, a the variant: what is good depends on both together.
    words += ["--interactions", "ca", "--bit_precision", str(BITS), "--random_seed", str(seed)]
    words += ["--learning_rate", f"{policy.learning_rate:g}"]
    if model is None:
        return Workspace(arg_list=words)
    with tempfile.TemporaryDirectory(prefix="assay-bandit-") as folder:
        path = Path(folder) / "model.vw"
        path.write_bytes(model)
        return Workspace(arg_list=[*words, "--initial_regressor", str(path)])


def _shared_line(context: Mapping[str, str | float]) -> str:
    return "shared |c " + " ".join(_feature(name, value) for name, value in context.items())


def _action_line(variant: Variant) -> str:
    features = [_feature("variant", variant.name)]
    features += [_feature(f"attribute.{name}", value) for name, value in variant.attributes.items()]
    return "|a " + " ".join(features)


def _feature(name: str, value: str | float) -> str:
    """``name=value`` for a category, ``name:value`` for a number.

    Percent-encoded, since VW's format gives blanks, ``|``, ``:`` and line ends a meaning of their own. The
    ``=`` keeps a category from being all digits, which VW would take for the place of a weight.
    """
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, str):
        return f"{quote(name, safe='')}={quote(value, safe='')}"
    return f"{quote(name, safe='')}:{value:.9g}"
