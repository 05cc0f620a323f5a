"""The attacks, one file each; the contract is in `attack`."""

from lit_adv.attacks.attack import Attack
from lit_adv.attacks.bim import BIM
from lit_adv.attacks.gradient import Gradient

__all__ = ["BIM", "Attack", "Gradient"]
