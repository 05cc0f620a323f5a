"""lit-adv: the human-recognizable information hidden in adversarial perturbations."""

__version__ = "0.2.0"
