"""``python -m tasks.kubernetes_pool POOL.json``: the work pool whose runs are Kubernetes jobs.

The file is the pool's base job template: what a flow run's job looks like. Runs take the image of
``FLOW_IMAGE``, which is that of the job that calls this, so that flows and services are of one release.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import AssayError, FlowError, InputError
from config.settings import apply_tool_environment, load_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

TYPE = "kubernetes"
IMAGE = "FLOW_IMAGE"


def job_template(path: Path, image: str) -> dict[str, Any]:
    """The template in ``path``, whose runs take ``image``.

    Raises:
        InputError: the file is not there, or holds no base job template.
    """
    try:
        template: dict[str, Any] = json.loads(path.read_text())
        template["variables"]["properties"]["image"]["default"] = image
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no base job template: {error!r}.") from None
    return template


def ensure_pool(client: SyncPrefectClient, name: str, template: dict[str, Any]) -> str:
    """Make the pool, or give the one that is there this template; gives ``created`` or ``updated``.

    Raises:
        FlowError: there is a pool of that name whose runs are no Kubernetes jobs.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        there = client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=name, type=TYPE, base_job_template=template, description="Runs Assay's flows as jobs."
        )
        client.create_work_pool(pool)
        return "created"
    if there.type != TYPE:
        raise FlowError(
            f"The work pool '{name}' is of the type '{there.type}'.",
            hint="Delete it in Prefect, or set PREFECT_WORK_POOL to another name.",
        )
    client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    return "updated"


def main(argv: list[str]) -> int:
    """Make the pool by the settings of the environment; gives the exit status."""
    try:
        settings = load_settings()
        apply_tool_environment(settings)
        image = os.environ.get(IMAGE)
        if len(argv) != 1 or not image:
            raise InputError(f"Give the file of the base job template, and {IMAGE} in the environment.")
        template = job_template(Path(argv[0]), image)
        from prefect.client.orchestration import SyncPrefectClient

        with SyncPrefectClient(settings.prefect_url) as client:
            done = ensure_pool(client, settings.prefect_work_pool, template)
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{settings.prefect_work_pool}: {done}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
