"""Judging perturbations: recognizability, strength, intervals, and the published figures beside them."""
