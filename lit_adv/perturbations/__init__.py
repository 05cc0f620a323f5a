"""Everything of Eq. 4.1 without Lightning: noise, work plan, exact sums and the finished set."""

from lit_adv.perturbations.perturbation_set import PerturbationSet

__all__ = ["PerturbationSet"]
