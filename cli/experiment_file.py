"""The definition of an experiment out of a file and options."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import InputError


def read_definition_file(path: Path) -> dict[str, Any]:
    """The object that a JSON or YAML file holds (YAML reads both); ``-`` is standard input.

    Raises:
        InputError: it cannot be read, or is no object.
    """
    import yaml

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is neither JSON nor YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path} holds no object of fields.", hint="docs/guides/experiments.md lists the fields."
        )
    return {str(name): value for name, value in found.items()}


def merged(given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with the options that were set: a definition as JSON.

    Raises:
        InputError: there is nothing to define it by, or an option is malformed.
    """
    chosen = {name: value for name, value in options.items() if value not in (None, [])}
    if not given and not chosen:
        raise InputError("Say what to create.", hint="Give a file, or --id and --variant twice or more.")
    made: dict[str, Any] = {
        **given,
        **{name: chosen[name] for name in ("id", "title", "traffic", "minimum_effect") if name in chosen},
    }
    if "variant" in chosen:
        made["variants"] = [_variant(text) for text in chosen["variant"]]
    if "context" in chosen:
        made["context"] = [_context(text) for text in chosen["context"]]
    reward = _reward(chosen)
    if reward:
        made["reward"] = {**_part(made, "reward"), **reward}
    if "policy" in chosen:
        made["policy"] = {**_part(made, "policy"), **_policy(chosen["policy"], _part(made, "reward"))}
    made.setdefault("title", made.get("id"))
    return made


def _part(made: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = made.get(name)
    return dict(found) if isinstance(found, Mapping) else {}


def _variant(text: str) -> dict[str, Any]:
    name, equals, share = text.partition("=")
    if not equals:
        return {"name": name}
    try:
        return {"name": name, "share": float(share)}
    except ValueError:
        raise InputError(f"--variant {text}: '{share}' is no share.", hint="Such as --variant red=2.") from None


def _context(text: str) -> dict[str, Any]:
    name, _, kind = text.partition(":")
    return {"name": name, "kind": kind or "category"}


def _reward(chosen: Mapping[str, Any]) -> dict[str, Any]:
    bounds: Sequence[str] = [name for name in ("low", "high") if name in chosen]
    made = {name: chosen[name] for name in (*bounds, "missing") if name in chosen}
    if "reward" in chosen:
        made["name"] = chosen["reward"]
    return {**made, "kind": "number"} if bounds else made


def _policy(kind: str, reward: Mapping[str, Any]) -> dict[str, Any]:
    """Thompson sampling on the posterior that goes with the reward."""
    number = kind == "thompson" and reward.get("kind") == "number"
    return {"kind": kind, "posterior": "normal"} if number else {"kind": kind}
