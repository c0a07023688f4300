"""A family of texts out of what is its own: its labels, options, model and check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.family import Family
from models.text.clean import TextCleaner
from models.text.correct import correction
from models.text.examples import TextExamples, source_span
from models.text.schema import EXAMPLE_SCHEMA


def text_family(
    name: str,
    title: str,
    *,
    cleaner: TextCleaner,
    options: Callable[..., Any],
    fit: Callable[..., Any],
    evaluate: Callable[..., Any],
    load: Callable[..., Any],
    probe: Callable[..., Any],
    check: Callable[..., None],
    metric: str = "macro_f1",
    **more: Any,
) -> Family:
    """The family called ``name``; the rest is as in :class:`models.family.Family`.

    Args:
        name: also the salt of its split: not to be changed.
        title: for people.
        cleaner: reads files of labelled texts.
        options: settings -> options.
        fit: see the contract; ``evaluate``, ``load``, ``probe`` and ``check`` too.
        evaluate: see ``fit``.
        load: see ``fit``.
        probe: see ``fit``.
        check: see ``fit``.
        metric: by which versions are listed and judged.
        more: further fields of the contract.
    """
    examples = TextExamples(salt=name)
    return Family(
        name=name, title=title, schema=EXAMPLE_SCHEMA, key=("text_id",), entity="group", time="at",
        label="label",
        primary_metric=(metric, True), gate_metric=metric, options=options, source_span=source_span,
        collect=examples.collect, training_rows=examples.training_rows, fit=fit, evaluate=evaluate, load=load,
        clean=cleaner, examples_from_rows=examples.examples_from_rows, probe=probe, check=check,
        correct=correction(cleaner), person="user_id", fallback=True, **more,
    )  # fmt: skip
