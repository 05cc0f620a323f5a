"""Beyond the thesis: ways of showing −δ, to the eye and to judges."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import torch

from lit_adv.evaluation.recognizability import judge_input_in_words
from lit_adv.evaluation.seen import Seen
from lit_adv.evaluation.table import INTERVAL, Table
from lit_adv.figures.gallery import gallery_row
from lit_adv.figures.sample import one_of_each
from lit_adv.perturbations.showing import altered, picture, titled, ways
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult, Row, value_and_ends
from lit_adv.reproduce.set_name import SetName


def of_ways(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """A gallery with a row for each way of showing a set, and what the test models recognize of each."""
    [name] = names
    one, judges = inputs.perturbations(name), inputs.held_out(name)
    index, left_out = one_of_each(one.label)
    known, every = ways(one), torch.arange(len(one.label))
    pictures = [(titled(name, way), picture(one, index, way)) for name, way in known.items()]
    seen = {
        titled(name, way): Seen.of(replace(one, perturbation=altered(one, every, way)), judges)
        for name, way in known.items()
    }
    whose = {judge: slice(place, place + 1) for place, judge in enumerate(judges)}
    if len(judges) > 1:
        whose[f"mean of {len(judges)}"] = slice(None)
    thesis = next(iter(seen.values()))
    return FigureResult(
        pictures={"gallery": gallery_row([("image", one.image[index]), *pictures])},
        tables=[
            Table(
                f"{what} [{INTERVAL}], by way of showing",
                ["way", *whose],
                [[way, *(cell(found.judged_by(which)) for which in whose.values())] for way, found in seen.items()],
            )
            for what, cell in (("perturbations recognized, %", _share), ("AUC, chance 0.5", _area))
        ],
        numbers={
            "recognized": [
                _row(way, judge, found.judged_by(which), thesis.judged_by(which))
                for way, found in seen.items()
                for judge, which in whose.items()
            ]
        },
        note=f"No step uses the image. After a way's steps judges see it as they see the thesis's: "
        f"{judge_input_in_words(inputs.data)}. The tables are of {len(one.label)} images. {left_out}".rstrip(),
    )


def _share(found: Seen) -> str:
    share = found.recognized
    return f"{100 * share.value:.1f} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def _area(found: Seen) -> str:
    area = found.auc
    return "" if isnan(area.value) else f"{area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"


def _row(way: str, judge: str, found: Seen, thesis: Seen) -> Row:
    share, area = found.recognized, found.auc
    return {
        "way": way, "judge": judge, "images": found.right.shape[1],
        **value_and_ends("recognized", (share.value, share.low, share.high)),
        **value_and_ends("more than thesis", found.more_than(thesis)),
        **value_and_ends("auc", (area.value, area.low, area.high)),
    }  # fmt: skip
