"""`assay predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from cli.output import print_fields, print_json, print_table


class Address(NamedTuple):
    """Where a family is asked: the path for one, the path for many ("": only one is asked about at a time), and
    the key that many stand under.
    """

    one: str
    many: str
    key: str


USUAL = Address("/predict", "/predict/batch", "videos")
ANALYSIS = Address("/api/v1/analyze", "/api/v1/analyze/batch", "items")
ADDRESSES = {
    "ctr": Address("/predict/ctr", "/predict/ctr", "clips"),
    "recommendation": Address("/api/v1/recommend", "", "users"),
    "moderation": Address("/api/v1/moderate", "/api/v1/moderate/batch", "items"),
    "imagery": Address("/api/v1/moderate", "/api/v1/moderate/batch", "items"),
    **dict.fromkeys(("sentiment", "topics", "entities"), ANALYSIS),
}
#: family -> the service that answers for it, where it has none of its own name
SERVICES = dict.fromkeys(("moderation", "imagery", "sentiment", "topics", "entities"), "content")


def predict(
    family: Annotated[str, typer.Argument(help="Family, such as viral.")],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            help="Inputs as NAME=VALUE, such as views=12000 title='A day out', or for ctr clip_id=c-42;"
            " for face, photo files."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json-file", help="Inputs from a JSON file (- is standard input); a list is a batch."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Face: whose photos they are; the answer is then kept.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the service; ours when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask the running service for a prediction; a JSON list is asked as a batch.

    `assay predict face FILE...` asks about up to 10 photos of one person. `assay predict ctr clip_id=ID` asks
    about a clip that the platform knows; other inputs describe one. `assay predict recommendation user_id=ID`
    asks what to recommend to a user; `assay predict moderation text=...` whether a text may be shown.
    """
    from config.errors import InputError
    from config.settings import load_settings

    settings = load_settings()
    address = (url or f"http://127.0.0.1:{_port(settings, family)}").rstrip("/")
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else None
    if family == "face" and json_file is None:
        _predict_photos(f"{address}/predict", [Path(name) for name in fields or []], user, key, as_json)
        return
    if user is not None:
        raise InputError("--user goes with photo files.")
    where = ADDRESSES.get(family, USUAL)
    inputs = _inputs(fields or [], json_file, where.key)
    if where is ANALYSIS and not inputs.keys() & {where.key, "content_data"}:
        inputs = {"content_data": inputs}
    batch = where.key in inputs
    if batch and not where.many:
        raise InputError(f"The {family} service is asked for one {where.key[:-1]} at a time, not for a list.")
    answer = _ask(f"{address}{where.many if batch else where.one}", inputs, key, family)
    if as_json or batch:
        print_json(answer)
    elif family == "recommendation":
        _show_list(answer)
    else:
        print_fields(answer)


def _show_list(answer: dict[str, Any]) -> None:
    """Recommended items as a table, and below it what else is told of them."""
    items = answer.pop("items")
    print_table(items, ["id", "kind", "score", "source", "reason"])
    flags = ", ".join(name for name, on in answer.pop("flags").items() if on)
    print_fields({**answer, "flags": flags or "none"})


def _predict_photos(url: str, paths: list[Path], user: str | None, key: str | None, as_json: bool) -> None:
    """Ask about photos; ends with 1 when one of them has no answer."""
    from cli.photo_questions import named, read_photos, show, with_files
    from config.errors import AssayError, InputError

    paths = list(dict.fromkeys(paths))
    if not paths:
        raise InputError("There is nothing to ask about.", hint="Give photo files, or --json-file FILE.")
    photos, unread = read_photos(paths)
    question = {"images": list(photos.values())} | ({"user_id": user} if user is not None else {})
    try:
        answer = with_files(_ask(url, question, key, "face"), list(photos), unread)
    except AssayError as error:
        raise named(error, list(photos)) from None
    if as_json:
        print_json(answer)
    else:
        show(answer)
    if answer["count"] < len(paths):
        raise typer.Exit(1)


def _inputs(fields: list[str], json_file: Path | None, many: str) -> dict[str, Any]:
    from config.errors import InputError

    if json_file is None and not fields:
        raise InputError("There is nothing to ask about.", hint="Give NAME=VALUE pairs, or --json-file FILE.")
    inputs: Any = _read(json_file) if json_file else {}
    if not isinstance(inputs, (dict, list)):
        raise InputError(f"{json_file} holds neither a JSON object nor a list of them.")
    if isinstance(inputs, list):
        if fields:
            raise InputError("NAME=VALUE pairs go with one JSON object, not with a list.")
        return {many: inputs}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not name:
            raise InputError(f"'{field}' is not NAME=VALUE.")
        inputs[name] = value if name.endswith("_id") else parse_value(value)  # an id is a text: 42, 1e5
    return inputs


def parse_value(text: str) -> Any:
    """A number, true, false, null, a list or an object where ``text`` is one in JSON; else the text itself."""
    import json

    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number in JSON")


def _read(path: Path) -> Any:
    import json
    import sys

    from config.errors import InputError

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
        return json.loads(text, parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.") from None


def _port(settings: Any, family: str) -> int:
    from config.errors import InputError

    try:
        return int(settings.service_port(SERVICES.get(family, family)))
    except AttributeError:
        raise InputError(f"There is no service for '{family}'.") from None


def _ask(url: str, inputs: Any, key: str | None, family: str) -> Any:
    import httpx

    from config.errors import AssayError, InputError

    try:
        # trust_env off: a proxy must not stand between this machine and itself
        with httpx.Client(timeout=30, trust_env=False) as client:
            answer = client.post(url, json=inputs, headers={"X-API-Key": key} if key else {})
    except httpx.HTTPError as error:
        raise AssayError(
            f"The {family} service at {url} does not answer ({type(error).__name__}).",
            hint="`assay status` tells whether it runs; `assay up` starts it.",
        ) from None
    if answer.status_code == 200:
        return answer.json()
    kind = InputError if answer.status_code < 500 else AssayError
    raise kind(f"The {family} service answered {answer.status_code}: {_reason(answer)}")


def _reason(answer: Any) -> str:
    try:
        body = answer.json()
    except ValueError:
        return str(answer.text)[:300]
    if isinstance(body, dict):
        return str(body.get("detail") or body.get("message") or body.get("error") or body)
    return str(body)
