from __future__ import annotations

from pathlib import Path

from config.parts.base import Part
from config.reference import env_example, rows
from config.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]


def test_env_example_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), (
        "run: python -m config.reference > .env.example"
    )


def test_every_setting_is_described_typed_and_in_a_section() -> None:
    found = rows()
    assert [row.name.lower() for row in found] == list(Settings.model_fields)
    assert all(row.description and row.type and row.section for row in found)
    assert not any("typing" in row.type or "class" in row.type for row in found)


def test_no_setting_is_in_two_parts() -> None:
    parts = [part for part in Settings.__mro__ if issubclass(part, Part) and part not in (Part, Settings)]
    assert sum(len(part.model_fields) for part in parts) == len(Settings.model_fields)


def test_no_secret_has_a_default() -> None:
    assert all(row.default == "" for row in rows() if row.secret)
    assert sum(row.secret for row in rows()) >= 5


def test_the_example_with_every_line_uncommented_is_the_defaults(tmp_path: Path) -> None:
    lines = [
        line[1:] for line in env_example().splitlines() if line.startswith("#") and not line.startswith("# ")
    ]
    (tmp_path / "secrets.env").write_text("\n".join(lines))
    assert load_settings(assay_home=tmp_path).model_dump(exclude={"assay_home"}) == Settings().model_dump(
        exclude={"assay_home"}
    )
