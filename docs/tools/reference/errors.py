"""The errors, out of their module."""

from __future__ import annotations

import inspect

from docs.tools.reference.markdown import first_paragraph, table


def errors_page() -> str:
    """The tree of errors, and what each one means."""
    from config import errors

    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.AssayError)
    ]
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    return "\n".join(
        [
            "# Errors\n",
            "Everything that Assay raises on purpose comes from one root, `AssayError`, in `config/errors.py`. "
            "The message is one sentence; where you can mend it, a hint says how. The command line prints both "
            "and ends with status 2.\n",
            f"```text\n{inspect.cleandoc(tree)}\n```\n",
            table(
                ("error", "meaning"),
                ((f"`{item.__name__}`", first_paragraph(item.__doc__)) for item in classes),
            ),
        ]
    )
