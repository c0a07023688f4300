"""Pictures compared by the embeddings of real small models."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageEnhance

from models.face.predictor import load as load_face
from models.family import get_family
from models.monitoring.drift import settled
from models.monitoring.inputs import Rules
from models.monitoring.pictures import compare_pictures
from tests import face_world, imagery_world

RULES = Rules(window_days=7, min_rows=60, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)
UNREADABLE = 3


def face_side(seed):
    return face_world.face_rows(19, seed)


def imagery_side(seed):
    return imagery_world.imagery_rows(60, seed)


def replaced(rows, make):
    place = rows.schema.get_field_index("image")
    pictures = [make(number, picture) for number, picture in enumerate(rows["image"].to_pylist())]
    return rows.set_column(place, rows.schema.field(place), [pictures])


def darker(_number, picture):
    with Image.open(io.BytesIO(picture)) as image:
        made, out = ImageEnhance.Brightness(image.convert("RGB")).enhance(0.4), io.BytesIO()
    made.save(out, format="JPEG")
    return out.getvalue()


@pytest.mark.parametrize("name", ["face", "imagery"])
def test_darker_pictures_are_a_drift_and_other_ones_of_the_same_kind_are_none(name):
    family = get_family(name)
    if name == "face":
        side, options, model = face_side, face_world.OPTIONS, load_face(face_world.tiny_face_files())
    else:
        side, options, model = imagery_side, imagery_world.OPTIONS, imagery_world.tiny_imagery_model()

    def compared(now):
        one = compare_pictures(family, family.watch, model, side(5), now, options, RULES)
        assert one is not None
        return settled([one], RULES)[0]

    quiet = compared(
        replaced(side(9), lambda at, picture: picture if at >= UNREADABLE else b"no picture %d" % at)
    )
    assert not quiet.drifted
    assert quiet.nulls == (0.0, pytest.approx(UNREADABLE / side(9).num_rows, abs=0.01))
    dark = compared(replaced(side(9), darker))
    assert dark.drifted
    assert dark.statistic > 0.8
