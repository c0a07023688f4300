"""The command line in this process: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.flows import run_parameters
from cli.commands.predict import parse_value
from cli.lazy import COMMANDS
from cli.main import app, main
from config.errors import InputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_DEBUG", raising=False)
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, list(arguments))
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.exit_code, answer.stdout, answer.stderr


def test_help_lists_every_command() -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("evaluate", "import")])
def test_every_command_explains_itself(name: str) -> None:
    code, out, _ = call(name, "--help")
    assert code == 0
    assert f"assay {name}" in " ".join(out.split())
    assert "completion" not in out


def test_an_unknown_command_is_refused() -> None:
    code, _, err = call("nonsense")
    assert code == 2
    assert "No such command" in err


def test_status_of_what_does_not_run_is_not_well(home: Path) -> None:
    code, out, _ = call("status", "--json")
    assert code == 1
    assert json.loads(out)["running"] is False


def test_down_of_what_does_not_run_is_fine(home: Path) -> None:
    code, _, err = call("down")
    assert code == 0
    assert "Nothing was running" in err


def test_a_known_error_is_one_sentence_and_exit_code_2(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["assay", "logs", "nonsense"])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.err.startswith("error: There is no log of 'nonsense'")
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_debug_shows_where_an_error_comes_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["assay", "logs", "nonsense"])
    with pytest.raises(InputError):
        main()


def test_the_last_lines_of_a_log(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "worker.log").write_text("1\n2\n3\n")
    assert call("logs", "worker", "-n", "2")[1] == "2\n3\n"
    assert "worker │ 3" in call("logs")[1]


def test_no_dataset_is_an_empty_list_in_json_and_a_sentence_in_text(home: Path) -> None:
    assert json.loads(call("datasets", "list", "--json")[1]) == []
    assert "No dataset version is published yet" in call("datasets", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(("nonsense",), "no family 'nonsense'"), (("--stage", "nonsense"), "no stage 'nonsense'")],
)
def test_what_can_have_no_datasets_is_named(home: Path, arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        call("datasets", "list", *arguments)


def test_options_of_a_run_become_its_parameters() -> None:
    assert run_parameters("2026-10-01", "2026-10-03", None, []) == {"date": "2026-10-01", "until": "2026-10-03"}
    assert run_parameters(None, None, "2026-10", ["force=true", "note=a=b"]) == {
        "month": "2026-10",
        "force": True,
        "note": "a=b",
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("2026-13-01", None, None, []), "--date 2026-13-01 is not YYYY-MM-DD"),
        (("20261001", None, None, []), "is not YYYY-MM-DD"),
        (("2026-10-02", "2026-10-01", None, []), "is before"),
        ((None, "2026-10-01", None, []), "--until goes with --date"),
        ((None, None, "2026-1", []), "--month 2026-1 is not YYYY-MM"),
        ((None, None, None, ["force"]), "'force' is not NAME=VALUE"),
    ],
)
def test_a_malformed_option_of_a_run_is_named(
    options: tuple[str | None, str | None, str | None, list[str]], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        run_parameters(*options)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("1.5", 1.5), ("true", True), ("null", None), ("a day out", "a day out"), ("", ""),
     ("NaN", "NaN"), ("Infinity", "Infinity")],
)  # fmt: skip
def test_a_value_on_the_command_line_has_the_type_it_looks_like(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_a_service_that_is_away_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from config.errors import AssayError

    monkeypatch.setenv("VIRAL_PORT", "9")
    with pytest.raises(AssayError, match=r"The viral service at http://127\.0\.0\.1:9/predict does not answer"):
        call("predict", "viral", "views=1")


def test_a_prediction_of_nothing_and_of_an_unknown_family_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="nothing to ask about"):
        call("predict", "viral")
    with pytest.raises(InputError, match="no service for 'nonsense'"):
        call("predict", "nonsense", "views=1")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["clip_id=42", "placement=feed"], {"clip_id": "42", "placement": "feed"}),
        (["hook_strength=0.5", "has_face=true", "title=A day"],
         {"hook_strength": 0.5, "has_face": True, "title": "A day"}),
    ],
)  # fmt: skip
def test_a_clip_is_asked_about_by_its_id_or_its_features(
    home: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], body: object
) -> None:
    asked: list[object] = []

    def ask(url: str, inputs: object, *_: object) -> dict[str, str]:
        asked.append((url, inputs))
        return {}

    monkeypatch.setattr("cli.commands.predict._ask", ask)
    call("predict", "ctr", *arguments, "--url", "http://service")
    assert asked == [("http://service/predict/ctr", body)]
    (home / "clips.json").write_text('[{"clip_id": "a"}, {"clip_id": "b"}]')
    call("predict", "ctr", "--json-file", str(home / "clips.json"), "--url", "http://service")
    assert asked[1] == ("http://service/predict/ctr", {"clips": [{"clip_id": "a"}, {"clip_id": "b"}]})


@pytest.mark.parametrize(
    ("text", "path", "body"),
    [
        ('{"views": 1}', "/predict", {"views": 1}),
        ('[{"views": 1}, {"views": 2}]', "/predict/batch", {"videos": [{"views": 1}, {"views": 2}]}),
        (
            '{"videos": [{"views": 1}], "explain": 3}',
            "/predict/batch",
            {"videos": [{"views": 1}], "explain": 3},
        ),
    ],
)
def test_a_json_file_is_asked_as_one_or_as_a_batch(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: str, body: object
) -> None:
    asked: list[object] = []

    def ask(url: str, inputs: object, *_: object) -> dict[str, str]:
        asked.append((url, inputs))
        return {}

    monkeypatch.setattr("cli.commands.predict._ask", ask)
    (home / "asked.json").write_text(text)
    call("predict", "viral", "--json-file", str(home / "asked.json"), "--url", "http://service", "--json")
    assert asked == [(f"http://service{path}", body)]


@pytest.mark.parametrize(
    ("text", "complaint"), [("7", "neither a JSON object nor a list"), ("NaN", "is not JSON")]
)
def test_a_json_file_that_cannot_be_asked_is_refused(home: Path, text: str, complaint: str) -> None:
    (home / "asked.json").write_text(text)
    with pytest.raises(InputError, match=complaint):
        call("predict", "viral", "--json-file", str(home / "asked.json"))
