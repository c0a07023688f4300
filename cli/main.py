"""The `assay` command: its options, and how errors reach a person."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli.lazy import LazyGroup

app = typer.Typer(
    cls=LazyGroup,
    name="assay",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The ML platform behind social-video products: collect, verify, version, retrain, promote, serve.",
    epilog="Settings come from the environment, .env and ASSAY_HOME/secrets.env; .env.example documents each.",
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"assay {version('assay')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command."""
    if debug:
        os.environ["ASSAY_DEBUG"] = "1"


def main() -> None:
    """Run the command line; a known error is one sentence and exit code 2."""
    from config.errors import AssayError

    try:
        app()
    except AssayError as error:
        from cli.output import FAILED, debugging, print_error

        if debugging():
            raise
        print_error(error)
        sys.exit(FAILED)
    except BrokenPipeError:
        # the reader of our output (head, less) has gone: nothing is left to say, nor to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
