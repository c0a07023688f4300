"""``python -m migrations "what changes"``: write the next revision (declared tables minus database).

The database is that of the settings, and must be at the newest revision. Read what it wrote before you keep it:
triggers, and changes of data, are not found by comparing.
"""

from __future__ import annotations

import sys

from alembic import command

from config.settings import get_settings
from storage.database import alembic_config, make_engine, schema_revisions, transaction


def main() -> None:
    """Write the revision file, numbered after the last one."""
    engine = make_engine(get_settings())
    _, head = schema_revisions(engine)
    with transaction(engine) as connection:
        number = f"{int(head or 0) + 1:04d}"
        command.revision(alembic_config(connection), message=sys.argv[1], rev_id=number, autogenerate=True)


if __name__ == "__main__":
    main()
