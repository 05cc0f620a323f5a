"""Perturbations that are exactly 0, in words."""

from typing import Final

from lit_adv.perturbations.manifest import Manifest

MANY: Final = 0.05
"""Share of a model's perturbations from which on those that are 0 are spoken of."""
NAMED: Final = 3
"""Most models that are named."""


def many_zeros(manifest: Manifest) -> str:
    """Returns a line that names the source models with many perturbations of exactly 0; empty if there is none."""
    each = len(manifest.data.images) * manifest.copies
    found = {name: count / each for name, count in (manifest.zeros or {}).items() if count > MANY * each}
    if not found:
        return ""
    worst = sorted(found, key=lambda name: -found[name])
    named = [f"{100 * found[name]:.0f} % of those of {name}" for name in worst[:NAMED]]
    rest = [f"more than {100 * MANY:.0f} % of those of {len(found) - NAMED} more"] if len(found) > NAMED else []
    return (
        f"perturbations that are exactly 0: {', '.join(named + rest)}; they count. They are right where a model is "
        "wrong from the start (DeepFool, CW, Square); else its gradient vanishes, or the attack found nothing"
    )
