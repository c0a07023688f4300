"""What a fit gets out of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import InputError, SettingsError
from config.settings import load_settings
from models.family import get_family
from tasks.options import cache_bytes_of, devices_of, options_of

FACE = get_family("face")


def test_files_that_the_settings_name_come_with_the_options(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    settings = load_settings(assay_home=tmp_path, face_backbone=str(weights))

    assert options_of(FACE, settings).assets == {"backbone": b"weights"}
    assert options_of(FACE, load_settings(assay_home=tmp_path)).assets == {}
    with pytest.raises(InputError, match="no backbone"):
        options_of(FACE, load_settings(assay_home=tmp_path, face_backbone="models/gone.safetensors"))


def test_several_devices_of_one_kind_train_together(tmp_path: Path) -> None:
    def devices(value: str) -> list[str]:
        return devices_of("face", load_settings(assay_home=tmp_path, face_device=value))

    assert devices("auto") == ["auto"]
    assert devices("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]
    assert devices_of("viral", load_settings(assay_home=tmp_path)) == ["auto"]
    for wrong in ("cpu,cuda:0", "auto,auto", "cpu,"):
        with pytest.raises(SettingsError, match="FACE_DEVICE"):
            devices(wrong)


def test_the_cache_is_a_setting(tmp_path: Path) -> None:
    assert cache_bytes_of("face", load_settings(assay_home=tmp_path, face_cache_mb=64)) == 64 << 20
