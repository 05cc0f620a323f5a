"""Curves that can be told apart."""

from matplotlib.lines import Line2D

from lit_adv.figures.plots import STYLES


def test_every_attack_has_a_look_of_its_own_and_a_marker_that_can_be_open() -> None:
    assert len(set(STYLES.values())) == len(STYLES)
    assert {marker for _, marker, _ in STYLES.values()} <= set(Line2D.filled_markers)
