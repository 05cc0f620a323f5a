"""Names of the perturbation sets that figures are made from."""

import re
from dataclasses import dataclass
from typing import Final, Self

from lit_adv.configs import ATTACKS, SETTINGS

PATTERN: Final = re.compile(
    rf"(?P<setting>{'|'.join(SETTINGS)})-(?P<attack>{'|'.join(ATTACKS)})"
    r"(?P<targeted>-targeted)?(?P<clipped>-clipped)?(-sigma-(?P<sigma>\d+(\.\d+)?))?"
)


@dataclass(frozen=True)
class SetName:
    """A set's name: its configuration's without the data set, `nmm-cw-targeted`, and then perhaps a variant.

    Attributes:
        setting: `sm`, `nsm`, `mm` or `nmm`.
        attack: `bim`, `cw`, `deepfool`, `square` or `gradient`.
        targeted: whether the attack is targeted.
        clipped: whether each of its steps stays within [0, 1].
        sigma: σ of the noise; None for the configuration's.
    """

    setting: str
    attack: str
    targeted: bool = False
    clipped: bool = False
    sigma: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a name such as `nmm-cw-targeted`, `nmm-bim-clipped` or `nsm-bim-sigma-0.3`.

        Raises:
            ValueError: it is none.
        """
        found = PATTERN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no name of a perturbation set")
        sigma = found["sigma"]
        return cls(
            found["setting"],
            found["attack"],
            found["targeted"] is not None,
            found["clipped"] is not None,
            None if sigma is None else float(sigma),
        )

    @property
    def stem(self) -> str:
        """The name without variants: the configuration's without the data set."""
        return f"{self.setting}-{self.attack}" + "-targeted" * self.targeted

    @property
    def many_models(self) -> bool:
        """Whether perturbations of several source models are averaged."""
        return self.setting in ("mm", "nmm")

    def __str__(self) -> str:
        variant = "" if self.sigma is None else f"-sigma-{self.sigma:g}"
        return self.stem + "-clipped" * self.clipped + variant


def set_names(*texts: str) -> tuple[SetName, ...]:
    """Reads several names; see `SetName.parse`."""
    return tuple(map(SetName.parse, texts))
