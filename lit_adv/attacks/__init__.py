"""Attacks, one file each; their contract is in `attack`."""

from lit_adv.attacks.attack import Attack
from lit_adv.attacks.bim import BIM
from lit_adv.attacks.cw import CW
from lit_adv.attacks.deepfool import DeepFool
from lit_adv.attacks.gradient import Gradient
from lit_adv.attacks.map import Map
from lit_adv.attacks.square import Square
from lit_adv.attacks.svre import SVRE
from lit_adv.attacks.transfer_bim import TransferBIM

__all__ = ["BIM", "CW", "SVRE", "Attack", "DeepFool", "Gradient", "Map", "Square", "TransferBIM"]
