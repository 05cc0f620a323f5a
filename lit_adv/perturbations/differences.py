"""Differences between two manifests, in words."""

from collections.abc import Mapping
from typing import Any


def compare(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The first three keys of `here` whose value in `there` is another, as `key: a there, b here`; empty if none is."""
    found = []
    for key, value in here.items():
        other = there.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping | None):
            if nested := compare(other or {}, value):
                found.append(f"{key}.{nested}")
        elif other != value:
            short = isinstance(value, (str, int, float, type(None)))
            found.append(f"{key}: {other} there, {value} here" if short else f"other {key}")
    return "; ".join(found[:3])
