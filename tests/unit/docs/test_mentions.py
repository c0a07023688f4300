"""A command that a page, an alert, an admin page or an error names is one that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tools import mentions, pages


def test_every_command_that_is_named_anywhere_exists() -> None:
    assert [str(problem) for problem in mentions.check_mentions()] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (" import", None),
        (" experiments", None),
        (" import viral", None),
        (" flows run collect-daily --date", None),
        (" flows run NAME", None),
        (" datasets gc", None),
        (" models rollback {{ family.name }} --to 2 --reason …", None),
        (" gc", "has no command `gc`"),
        (" datasets prune", "has no command `prune`"),
        (" status --jsn", "No such option"),
        (" status --jsn --date", "No such option"),
        (" status now", "takes no further `now`"),
        (" flows run collect-dayly", "there is no flow collect-dayly"),
        (" moderate 'it", "No closing quotation"),
    ],
)
def test_a_mention_may_leave_out_what_the_command_needs_but_not_name_what_it_lacks(
    text: str, wrong: str | None
) -> None:
    found = mentions.wrong_with_mention(text)
    assert found is None if wrong is None else wrong in str(found)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (" import", None),
        (" flows run collect-daily --date", None),
        (" flags set x --on --reason WHY", None),
        (" flags set x --on", "lacks --reason"),
        (" models promote x x", "lacks --reason"),
    ],
)
def test_what_is_there_to_be_typed_is_whole(text: str, wrong: str | None) -> None:
    found = mentions.wrong_with_mention(text, typed=True)
    assert found is None if wrong is None else wrong in str(found)


def test_pages_rules_templates_and_hints_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    docs = tmp_path / "docs"
    write("docs/page.md", "# A page\n\nFirst `assay pagee`, `assay status` and `assay_rows`.\n")
    write("docs/operations/rules.yml", 'a: b\ndescription: "`assay gc`, or a larger disk."\n')
    write("docs/_build/old.yml", "`assay built`\n")
    write("serving/page.html", "<p><code>assay pagess {{ name }}</code></p>")
    write(
        "cli/hint.py", 'def f(x: int) -> str:\n    return f"Run `assay hintt {x} "\\\n        "--at` then."\n'
    )
    write("demo/tour.py", 'TRIES = ["assay tourr", "assay is well"]\n')
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(mentions, "ROOT", tmp_path)
    monkeypatch.setattr(mentions, "DOCS", docs)
    monkeypatch.setattr(mentions, "GENERATED", docs / "reference" / "generated")
    monkeypatch.setattr(mentions, "pages", lambda: [docs / "page.md"])
    found = [str(problem).split(": `assay`")[0] for problem in mentions.check_mentions()]
    assert found == [
        "docs/page.md:3: names `assay pagee`",
        "docs/operations/rules.yml:2: names `assay gc`",
        "serving/page.html:1: names `assay pagess {{ name }}`",
        "cli/hint.py:2: names `assay hintt x --at`",
        "demo/tour.py:1: names `assay tourr`",
        "demo/tour.py:1: names `assay is well`",
    ]
