"""What a run is, and how two of them differ."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

PACKAGES: Final = ("lit-adv", "torch", "pytorch-lightning", "numpy")
"""Packages that results depend on."""


def versions() -> dict[str, str]:
    """The version of each of `PACKAGES`."""
    return {name: version(name) for name in PACKAGES}


def setting(models: int, sigma: float) -> str:
    """SM, NSM, MM or NMM (thesis 4.6.2) from the number of source models and the noise."""
    return ("N" if sigma > 0 else "") + ("MM" if models > 1 else "SM")


def compare(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The first few keys of `here` whose value in `there` is another, as `key: a there, b here`; empty if none is."""
    found = []
    for key, value in here.items():
        other = there.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if nested := compare(other, value):
                found.append(f"{key}.{nested}")
        elif other != value:
            short = isinstance(value, (str, int, float, type(None)))
            found.append(f"{key}: {other} there, {value} here" if short else f"other {key}")
    return "; ".join(found[:3])


def without(run: Mapping[str, Any], failed: Mapping[int, str]) -> dict[str, Any]:
    """A run's description when some source models were left out: these are in `missing`, with place and reason.

    Args:
        run: see `describe_run`.
        failed: positions of source models, and why they failed.
    """
    if not failed:
        return dict(run)
    sources = run["sources"]
    kept = [source for place, source in enumerate(sources) if place not in failed]
    missing = [{**sources[place], "place": place, "reason": failed[place]} for place in sorted(failed)]
    return {**run, "setting": setting(len(kept), run["sigma"]), "sources": kept, "missing": missing}


def with_missing(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The run's description that `without` was made from."""
    sources = list(manifest.get("sources", []))
    for model in manifest.get("missing", []):
        sources.insert(model["place"], {"name": model["name"], "checksum": model["checksum"]})
    return {**manifest, "setting": setting(len(sources), manifest.get("sigma", 0)), "sources": sources}
