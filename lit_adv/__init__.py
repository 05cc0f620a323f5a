"""lit-adv: the human-recognizable information hidden in adversarial perturbations."""
