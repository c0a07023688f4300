"""The reference, made from the code at build time, so that it cannot be stale."""

from __future__ import annotations

from docs.tools.reference.commands import commands_page
from docs.tools.reference.endpoints import endpoints_page
from docs.tools.reference.errors import errors_page
from docs.tools.reference.flows import flows_page
from docs.tools.reference.settings import settings_page

HEADER = "<!-- Made by docs/tools/reference from the code. Edit the code instead. -->\n\n"


def all_pages() -> dict[str, str]:
    """File name -> text of every generated page."""
    made = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "flows.md": flows_page(),
        "endpoints.md": endpoints_page(),
        "errors.md": errors_page(),
    }
    return {name: HEADER + text for name, text in made.items()}
