"""The guide of the recommendation service says what the service takes and answers."""

from __future__ import annotations

import json
import re

import yaml
from pydantic import TypeAdapter

from docs.tools.pages import DOCS, blocks
from models.experiments.definition import parse_definition
from models.recommendation.question import SOURCES
from serving.recommendation_experiment import VARIANTS
from serving.recommendation_operations import RECOMMENDATION_OPERATIONS
from serving.recommendation_schema import RankRequest, RecommendationAnswer, RecommendRequest
from serving.recommendation_trending_schema import TrendingAnswer

GUIDE = DOCS / "guides" / "recommendation-api.md"


def test_its_questions_can_be_asked() -> None:
    bodies = re.findall(r"/api/v1/(recommend|rank) .*?-d '(.*?)'", GUIDE.read_text(), re.DOTALL)
    assert [name for name, _ in bodies] == ["recommend", "rank"]
    for name, body in bodies:
        TypeAdapter(RecommendRequest if name == "recommend" else RankRequest).validate_json(body, strict=True)


def test_its_answers_are_those_of_the_service() -> None:
    answers = [json.loads(block.text) for block in blocks(GUIDE) if block.language == "json"]
    TypeAdapter(RecommendationAnswer).validate_python(answers[0])
    TypeAdapter(TrendingAnswer).validate_python(answers[1])
    TypeAdapter(RecommendationAnswer).validate_python({**answers[0], **answers[2]})


def test_it_names_every_field_source_and_endpoint() -> None:
    text = GUIDE.read_text()
    for name in {*RecommendRequest.__annotations__} - {"item_kind"}:
        assert f"`{name}`" in text, name
    for source in SOURCES:
        assert f"`{source}`" in text, source
    for operation in RECOMMENDATION_OPERATIONS:
        assert operation.path in text, operation.path


def test_its_experiment_can_be_created_and_has_the_variants_that_the_service_knows() -> None:
    (example,) = [block.text for block in blocks(GUIDE) if block.language == "yaml"]
    definition = parse_definition(yaml.safe_load(example))
    assert {variant.name for variant in definition.variants} == set(VARIANTS)
