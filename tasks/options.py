"""What a family's fit needs from the settings, with the files that they name."""

from __future__ import annotations

import dataclasses
from typing import Any

from config.errors import SettingsError
from config.settings import Settings
from models.family import Family
from storage.assets import load_assets


def options_of(family: Family, settings: Settings) -> Any:
    """The family's options, with the bytes of their assets.

    Raises:
        InputError: an asset is neither a file nor an object.
        StoreError: the object store failed.
    """
    options = family.options(settings)
    wanted = family.assets(settings) if family.assets is not None else {}
    return dataclasses.replace(options, assets=load_assets(settings, wanted)) if wanted else options


def devices_of(family: str, settings: Settings) -> list[str]:
    """Where the family trains: one device, or several that train together.

    Raises:
        SettingsError: the setting names none, or mixes kinds.
    """
    name = f"{family}_device"
    devices = [part.strip() for part in str(getattr(settings, name, "auto")).split(",")]
    kinds = {device.partition(":")[0] for device in devices}
    if not all(devices) or len(kinds) > 1 or (len(devices) > 1 and kinds == {"auto"}):
        raise SettingsError(
            f"{name.upper()} is '{','.join(devices)}', which names no devices that train together.",
            hint="Examples: auto, cpu, cuda:0 or cuda:0,cuda:1.",
        )
    return devices


def cache_bytes_of(family: str, settings: Settings) -> int:
    """Memory that prepared rows of the family may take in training."""
    return int(getattr(settings, f"{family}_cache_mb", 512)) << 20
