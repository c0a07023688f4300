"""The guide of experiments says what the definition has."""

from __future__ import annotations

import yaml

from docs.tools.pages import DOCS, blocks
from models.experiments.definition import Definition, GuardRail, Policy, Reward, parse_definition

GUIDE = DOCS / "guides" / "experiments.md"


def test_its_example_can_be_created() -> None:
    examples = [block.text for block in blocks(GUIDE) if block.language == "yaml"]
    assert len(examples) == 1
    definition = parse_definition(yaml.safe_load(examples[0]))
    assert (definition.id, definition.policy.kind, len(definition.variants)) == ("thumbnails", "thompson", 3)


def test_it_names_every_field() -> None:
    text = GUIDE.read_text()
    for model in (Definition, Reward, Policy, GuardRail):
        for name in model.model_fields:
            assert f"`{name}`" in text, f"{model.__name__}.{name}"
