"""The zoo: source and test models by name, loaded one at a time."""

from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo

__all__ = ["ModelSpec", "Zoo"]
