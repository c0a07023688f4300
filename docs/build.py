"""Build the site into docs/_build: ``python -m docs.build``. With ``--check`` also prove the pages true."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import time
from itertools import chain

from docs.tools.pages import DOCS, GENERATED, Problem

SITE = DOCS / "_build"


def generate() -> None:
    """Write the reference pages afresh from the code."""
    from docs.tools import reference

    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    for name, text in reference.all_pages().items():
        (GENERATED / name).write_text(text)


def build() -> bool:
    """Make the site. Any warning of Sphinx is an error; returns whether there was none."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    heard = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            srcdir=DOCS, confdir=DOCS, outdir=SITE, doctreedir=SITE / ".doctrees", buildername="html",
            status=None, warning=heard, freshenv=True,
        )  # fmt: skip
        app.build()
    if heard.getvalue():
        print(heard.getvalue(), file=sys.stderr)
    return not heard.getvalue()


def check() -> list[Problem]:
    """Everything on the pages that is not so."""
    from docs.tools import commands, links, mentions, samples

    return list(
        chain(
            links.check_links(),
            links.check_decisions(),
            links.check_generated(),
            links.check_site(SITE),
            commands.check_commands(),
            mentions.check_mentions(),
            samples.check_samples(),
            samples.check_settings(),
        )
    )


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 when the site was built and, where asked for, found true."""
    parser = argparse.ArgumentParser(prog="python -m docs.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="also check links, commands, samples and settings")
    asked = parser.parse_args(arguments)
    os.environ.update(DO_NOT_TRACK="true", MLFLOW_DISABLE_TELEMETRY="true", BENTOML_DO_NOT_TRACK="True")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")
    began = time.monotonic()
    shutil.rmtree(SITE, ignore_errors=True)
    generate()
    good = build()
    problems = check() if asked.check else []
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems or not good:
        print(f"The documentation has {len(problems) or 'some'} problem(s).", file=sys.stderr)
        return 1
    done = "built and checked" if asked.check else "built"
    print(f"Documentation {done} in {time.monotonic() - began:.0f} s: docs/_build/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
