"""An encoder that is plugged in: a real ONNX model that takes texts, here one that knows five words."""

from __future__ import annotations

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper

from config.errors import ModelInvalid
from models.moderation import FAMILY
from models.moderation.options import ENCODER, ModerationOptions
from models.text.encoder import TextEncoder

WORDS = ["apple", "pear", "plum", "nail", "screw"]
FRUIT, TOOLS = [1.0, 0.0, 0.2], [0.0, 1.0, -0.2]


def encoder_file(kind: int = TensorProto.STRING) -> bytes:
    """Texts are split at spaces, words become numbers, numbers vectors, and a text is the mean of its words."""
    vectors = np.array([[0.0] * 3, *[FRUIT] * 3, *[TOOLS] * 2], np.float32)
    constant = helper.make_node("Constant", [], ["table"], value=onnx.numpy_helper.from_array(vectors, "table"))
    axes = helper.make_node(
        "Constant", [], ["axes"], value=onnx.numpy_helper.from_array(np.array([1], np.int64), "axes")
    )
    nodes = [
        constant, axes,
        helper.make_node("StringSplit", ["text"], ["words", "count"]),
        helper.make_node(
            "LabelEncoder", ["words"], ["numbers"], domain="ai.onnx.ml", keys_strings=WORDS,
            values_int64s=[1, 2, 3, 4, 5], default_int64=0,
        ),
        helper.make_node("Gather", ["table", "numbers"], ["each"], axis=0),
        helper.make_node("ReduceMean", ["each", "axes"], ["vector"], keepdims=0),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "encoder", [helper.make_tensor_value_info("text", kind, ["n"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 3])],
    )  # fmt: skip
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    return helper.make_model(graph, opset_imports=domains, ir_version=9).SerializeToString()


def rows(words: list[str], label: str) -> list[dict[str, str]]:
    return [
        {"text": f"{a} {b}", "label": label, "group": f"{label}-{a}-{b}"}
        for a in words
        for b in words
        for _ in "abc"
    ]


def table(fruit: list[str], tools: list[str]) -> pa.Table:
    return pa.Table.from_pylist([*rows(fruit, "spam"), *rows(tools, "clean")])


def test_a_text_has_a_vector_of_length_one_that_depends_on_no_other_text() -> None:
    encoder = TextEncoder(encoder_file())
    texts = ["apple pear", "nail", "", "something else", "apple \ud83d"]
    found = encoder.embed(texts)
    assert found.shape == (5, encoder.size) == (5, 3)
    assert np.allclose(np.linalg.norm(found, axis=1), [1, 1, 0, 0, 1])
    assert np.array_equal(found, np.concatenate([encoder.embed([text]) for text in texts]))


def test_a_word_that_training_never_had_is_known_by_its_vector_and_the_model_needs_no_other_file() -> None:
    train, valid = table(["apple", "pear"], ["nail"]), table(["apple"], ["nail"])
    with_it = FAMILY.fit(train, valid, ModerationOptions(assets={ENCODER: encoder_file()}), {}, 7)
    without = FAMILY.fit(train, valid, ModerationOptions(), {}, 7)

    plum, screw = with_it.score(["plum plum", "screw screw"])[:, 0]  # type: ignore[attr-defined]
    assert plum > screw + 0.2
    alike = without.score(["plum plum", "screw screw"])[:, 0]  # type: ignore[attr-defined]
    assert abs(alike[0] - alike[1]) < plum - screw

    files = with_it.to_files()
    assert "encoder.onnx" in files
    again = FAMILY.load(files)
    texts = ["plum nail", "apple", ""]
    assert np.allclose(again.score(texts), with_it.score(texts))  # type: ignore[attr-defined]
    del files["encoder.onnx"]
    with pytest.raises(ModelInvalid, match=r"encoder\.onnx"):
        FAMILY.load(files)


@pytest.mark.parametrize("data", [b"no model", encoder_file(TensorProto.INT64)])
def test_a_file_that_is_no_encoder_is_refused_with_what_it_should_be(data: bytes) -> None:
    with pytest.raises(ModelInvalid, match="one input of texts"):
        TextEncoder(data).embed(["a"])
