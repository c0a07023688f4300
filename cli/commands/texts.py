"""`assay moderate` and `assay analyze`: what the content service says of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import print_fields, print_json, print_table

#: Texts that one request asks about.
AT_ONCE = 200
SHOWN = 60

Texts = Annotated[list[str] | None, typer.Argument(metavar="[TEXT...]", help="One text or several.")]
File = Annotated[Path | None, typer.Option("--file", help="A file with one text a line (- is standard input).")]
Url = Annotated[str | None, typer.Option("--url", help="Address of the service; ours when left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def moderate(texts: Texts = None, file: File = None, url: Url = None, as_json: Json = False) -> None:
    """Whether texts may be shown, and why not; nothing of it is kept.

    Each is approved, flagged, for a person to review, or rejected for spam, hate or toxicity.
    """
    asked = read_texts(texts, file)
    answers = ask_about(
        "/api/v1/moderate/batch", "items", [{"text": one, "record": False} for one in asked], url
    )
    if as_json:
        print_json(answers)
        return
    rows = [
        {"text": _short(text), "decision": one.get("decision"), "why": _reasons(one), **_scores(one)}
        for text, one in zip(asked, answers, strict=True)
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print_table(rows, columns, drop_when_narrow=("spam", "hate", "toxicity"))


def analyze(texts: Texts = None, file: File = None, url: Url = None, as_json: Json = False) -> None:
    """Language, sentiment, categories, topics, tags and names of texts."""
    asked = read_texts(texts, file)
    answers = ask_about(
        "/api/v1/analyze/batch", "items", [{"content_data": {"text": one}} for one in asked], url
    )
    if as_json:
        print_json(answers)
        return
    rows = [{"text": _short(text), **_said(one)} for text, one in zip(asked, answers, strict=True)]
    if len(rows) == 1:
        print_fields(rows[0])
    else:
        print_table(rows, list(rows[0]), drop_when_narrow=("topics", "tags", "names"))


def read_texts(texts: Sequence[str] | None, file: Path | None) -> list[str]:
    """The texts that are asked about.

    Raises:
        InputError: there is none, there are both, or the file cannot be read.
    """
    import sys

    from config.errors import InputError

    if bool(texts) == (file is not None):
        raise InputError("Say what to ask about.", hint="Give texts, or --file FILE with one a line.")
    if texts:
        return list(texts)
    try:
        whole = sys.stdin.read() if str(file) == "-" else Path(str(file)).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not a text in UTF-8.") from None
    lines = [line for line in whole.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"There is no text in {file}.")
    return lines


def ask_about(path: str, key: str, items: Sequence[Mapping[str, Any]], url: str | None) -> list[dict[str, Any]]:
    """The service's answers, one an item, asked in batches.

    Raises:
        AssayError: it does not answer, or refuses.
    """
    from cli.commands.predict import _ask
    from config.settings import load_settings

    settings = load_settings()
    address = (url or settings.content_service_url).rstrip("/")
    secret = settings.ml_api_key.get_secret_value() if settings.ml_api_key else None
    found: list[dict[str, Any]] = []
    for start in range(0, len(items), AT_ONCE):
        body = {key: list(items[start : start + AT_ONCE])}
        found += _ask(f"{address}{path}", body, secret, "content")["results"]
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _reasons(answer: Mapping[str, Any]) -> str:
    if "detail" in answer:
        return str(answer["detail"])  # it could not be answered
    return ", ".join(str(one["label"]) for one in answer.get("reasons") or ())


def _scores(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(float(score), 3) for name, score in (answer.get("scores") or {}).items()}


def _said(answer: Mapping[str, Any]) -> dict[str, Any]:
    if "detail" in answer:
        return {"language": answer["detail"]}  # it could not be answered
    score = answer.get("sentiment_score")
    return {
        "language": answer.get("language"),
        "sentiment": f"{answer.get('sentiment')}" + (f" ({score:+.2f})" if score is not None else ""),
        "categories": _names(answer.get("categories")),
        "topics": _names(answer.get("topics")),
        "tags": _names(answer.get("tags")),
        "names": ", ".join(f"{one['text']} ({one['type']})" for one in answer.get("entities") or ()),
    }


def _names(found: Any) -> str:
    return ", ".join(str(one["name"]) if isinstance(one, Mapping) else str(one) for one in found or ())
