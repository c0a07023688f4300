"""The checks of the documentation notice what is wrong, and the reference says what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from docs.tools import commands, links, pages, samples
from docs.tools.pages import Block, Problem
from docs.tools.reference.endpoints import endpoints_page
from docs.tools.reference.errors import errors_page
from docs.tools.reference.settings import settings_page


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that is the whole documentation."""
    written = tmp_path / "page.md"
    for module in (links, commands, samples):
        monkeypatch.setattr(module, "pages", lambda: [written])
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    return written


def said(problems: object) -> list[str]:
    assert isinstance(problems, list)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("assay up --detach", None),
        ("ASSAY_HOME=/tmp/x .venv/bin/assay status --json | head -3", None),
        ("assay models rollback viral --to 2 --reason 'worse on small creators'", None),
        ("docker compose exec worker assay import viral /tmp/x.csv", None),
        ("make demo && make test", None),
        ("python -m serving.run viral", None),
        ("curl -s http://127.0.0.1:8001/health", None),
        ("assay upp", "has no command `upp`"),
        ("assay status --jsn", "No such option"),
        ("assay models promote viral 3", "lacks --reason"),
        ("assay datasets diff viral/full", "lacks B"),
        ("assay datasets", "needs a command"),
        ("assay status now", "takes no further `now`"),
        ("docker compose exec worker assay imports", "has no command"),
        ("docker compose run --rm -v /srv/b:/b worker assay backup /b --keep 3", None),
        ("docker compose run --rm worker assay backup", "lacks PLACE"),
        ("make demonstration", "make has no target"),
        ("python -m serving.runn viral", "there is no module"),
        ("python deploy_flow.py", "there is no file"),
    ],
)
def test_a_command_is_parsed_as_it_would_be_and_not_run(command: str, wrong: str | None) -> None:
    found = list(commands.faults(command))
    assert not found if wrong is None else wrong in found[0]


def test_a_command_over_several_lines_is_one() -> None:
    text = "assay import viral x.csv \\\n  --dry-run\ncurl -d '{\n \"views\": 1}'\n# a remark\n"
    found = list(commands.commands(Block(Path("p.md"), 5, "bash", text)))
    assert [line for line, _ in found] == [5, 7]
    assert found[0][1].endswith("--dry-run")


def test_in_a_console_block_only_what_is_typed_counts() -> None:
    block = Block(Path("p.md"), 1, "console", "$ assay status\nassay is well\n$ assay down\n")
    assert [text for _, text in commands.commands(block)] == ["assay status", "assay down"]


def test_a_link_must_lead_to_a_file_and_a_heading(page: Path) -> None:
    page.write_text(
        "# One `two` three\n\n[a](#one-two-three) [b](page.md#one-two-three) [c](https://elsewhere.example)\n\n"
        "[gone](nowhere.md)\n\n[no heading](#four)\n"
    )
    found = said(list(links.check_links()))
    assert len(found) == 2
    assert "page.md:5" in found[0]
    assert "no such heading" in found[1]


def test_a_page_that_fetches_from_elsewhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "here.css").write_text("")
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="here.css"><script src="//cdn.example/x.js"></script>'
        '<img src="gone.png"><a href="https://elsewhere.example">only a link</a>'
    )
    found = said(list(links.check_site(tmp_path)))
    assert len(found) == 2
    assert "cdn.example" in found[0]
    assert "was not built" in found[1]


def test_samples_must_compile_and_sessions_give_what_they_show(page: Path) -> None:
    page.write_text(
        "```python\nx = 1\n```\n\n```python\nif x\n```\n\n```json\n{'a': 1}\n```\n\n"
        "```pycon\n>>> 1 + 1\n2\n```\n\n```pycon\n>>> 1 + 1\n3\n```\n"
    )
    assert [problem.line for problem in samples.check_samples()] == [6, 10, 19]


def test_a_setting_in_a_table_must_exist(page: Path) -> None:
    page.write_text(
        "| a | b |\n| --- | --- |\n| `ASSAY_HOME` | x |\n| `ASSAY_HOUSE` | x |\n| `DO_NOT_TRACK` | |\n"
    )
    assert said(list(samples.check_settings())) == ["page.md:4: `ASSAY_HOUSE` is not a setting"]


def test_a_problem_names_page_and_line(page: Path) -> None:
    assert str(Problem(page, 3, "is wrong")) == "page.md:3: is wrong"


def test_the_reference_has_every_setting() -> None:
    text = settings_page()
    assert all(f"| `{name.upper()}` |" in text for name in Settings.model_fields)


def test_the_reference_shows_no_value_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_PORT", "7777")
    monkeypatch.setenv("DB_PASSWORD", "a-secret-of-this-machine")
    text = settings_page() + endpoints_page()
    assert "7777" not in text
    assert "a-secret" not in text


def test_the_reference_has_every_endpoint_and_error() -> None:
    endpoints = endpoints_page()
    assert all(
        f"### {name}\n" in endpoints for name in ("POST /predict", "POST /predict/batch", "GET /model/info")
    )
    assert "| `VersionConflict` |" in errors_page()
