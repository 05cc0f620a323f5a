"""The thesis's pictures of perturbations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.masks import BACKGROUND, OBJECT
from lit_adv.evaluation.similarity import correlation
from lit_adv.evaluation.strength import adversarial_example
from lit_adv.figures.gallery import MOST_COLUMNS, gallery_row, picture_rows
from lit_adv.figures.sample import one_of_each, spread
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_picture, show_targeted, strongest
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import LOW_AND_HIGH, FigureResult, Row, number_or_none, with_interval
from lit_adv.reproduce.set_name import SetName

GREY = 0.5


def of_sets(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Makes a gallery: the first image of each class and each set's picture for it."""
    sets = inputs.all_of(names)
    index, left_out = one_of_each(sets[0].label)
    empty = any(not one.perturbation[i].any() for one in sets for i in index)
    why = "Where a picture is empty every source model has the image wrong from the start, so that the attack gives 0."
    return FigureResult(
        pictures={"gallery": gallery_row(picture_rows(sets, index))}, note=_sentences(why if empty else "", left_out)
    )


def clipping(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.3."""
    sets = inputs.all_of(names)
    index, left_out = one_of_each(sets[0].label)
    titles = ("clipped", "not clipped")
    rows = [(title, as_picture(one, index)) for title, one in zip(titles, sets, strict=True)]
    numbers = [
        {
            "perturbations": title,
            "correlation of −δ with the image": number_or_none(correlation(-one.perturbation, one.image)),
        }
        for title, one in zip(titles, sets, strict=True)
    ]
    return FigureResult(
        pictures={"gallery": gallery_row([("image", sets[0].image[index]), *rows])},
        numbers={"correlation": numbers},
        note=left_out,
    )


def adversarial_examples(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.6."""
    [perturbations] = inputs.all_of(names)
    index, left_out = one_of_each(perturbations.label)
    example = _example(inputs, perturbations, index)
    rows = [("image", perturbations.image[index]), (f"x + {inputs.data.epsilon:g} · sign δ", example)]
    return FigureResult(
        pictures={"gallery": gallery_row(rows)},
        numbers={"answers": _seen(inputs, perturbations, index, example)},
        note=left_out,
    )


def contours(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.7: perturbations and their parts inside the object."""
    [perturbations] = inputs.all_of(names)
    index, mask, left_out = _first_masked(inputs, perturbations)
    picture = as_picture(perturbations, index)
    return FigureResult(
        pictures={"gallery": gallery_row([(perturbations.name, picture), ("its contour", _inside(picture, mask))])},
        note=left_out,
    )


def whole_story(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.11: image, one perturbation, the average, its contour, the adversarial example."""
    one, averaged = inputs.all_of(names)
    index, mask, left_out = _first_masked(inputs, averaged)
    picture = as_picture(averaged, index)
    example = _example(inputs, averaged, index)
    rows = [
        ("image", averaged.image[index]),
        (f"one perturbation ({one.name})", as_picture(one, index)),
        (f"averaged ({averaged.name})", picture),
        ("its contour", _inside(picture, mask)),
        ("adversarial example", example),
    ]
    return FigureResult(
        pictures={"gallery": gallery_row(rows)},
        numbers={"answers": _seen(inputs, averaged, index, example)},
        note=left_out,
    )


def targeted(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.12: perturbations towards a target, and images with them."""
    sets = inputs.all_of(names)
    label, target = sets[0].label, sets[0].target
    assert target is not None
    index, largest = spread(label, MOST_COLUMNS), inputs.data.targeted_peak
    rows = [("image", sets[0].image[index])]
    for one in sets:
        rows += [
            (one.name.replace(" targeted", ""), as_picture(one, index)),
            ("image + it", one.image[index] + show_targeted(one.perturbation[index], largest)),
        ]
    called = inputs.data.class_names()
    pairs = dict.fromkeys(f"{called[a]} → {called[b]}" for a, b in zip(label[index], target[index], strict=True))
    return FigureResult(
        pictures={"gallery": gallery_row(rows)},
        numbers={"recognized": _recognized(inputs, names, "given the target")},
        note=f"From left to right: {', '.join(pairs)}. Beside each perturbation stands its image with the "
        f"perturbation added, scaled so that its largest magnitude is {largest:g}. {LOW_AND_HIGH}",
    )


def square_examples(inputs: FigureInputs, names: Sequence[SetName], clear: bool) -> FigureResult:
    """Figures 5.2 and 5.3: images whose averaged perturbations show the masking effect most, and least."""
    sets = inputs.all_of(names)
    perturbations, classes = sets[-1], sets[-1].label.unique()
    place = torch.searchsorted(classes, perturbations.label)[:, None]
    chances = [
        torch.take_along_dim(x[:, classes].softmax(1), place, 1)[:, 0]
        for x in inputs.judges.logits(perturbations).values()
    ]
    sure = torch.stack(chances).mean(0)
    index = sure.argsort(descending=clear, stable=True)[:MOST_COLUMNS]
    called = inputs.data.class_names()
    numbers = [
        {"image": int(i), "class": called[int(perturbations.label[i])], "probability": round(float(sure[i]), 6)}
        for i in index
    ]
    which = "most" if clear else "least"
    return FigureResult(
        pictures={"gallery": gallery_row(picture_rows(sets, index))},
        numbers={"probability": numbers},
        note=f"Those of {len(sure)} images to whose averaged perturbations, shown alone, the test models give the "
        f"{which} probability of the image's class, of the classes of the set. {int(perturbations.count[0])} "
        "perturbations were averaged for each.",
    )


def complementarity(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 5.6: strong parts of perturbations; images with a strong background and a weak object come first."""
    sets = inputs.all_of(names)
    place, mask = inputs.masked(sets[0])
    there = torch.stack([one.perturbation[place].flatten(1).any(1) for one in sets]).all(0)
    place, mask = place[there], mask[there]
    kept = [(strongest(one.perturbation[place]) != 0).double().mean(1) for one in sets]
    inside, outside = mask == OBJECT, mask == BACKGROUND
    surplus = [_share(one, outside) - _share(one, inside) for one in kept]
    order = surplus[-1].argsort(descending=True, stable=True)
    called = inputs.data.class_names()
    numbers = [
        {
            "image": int(place[i]), "class": called[int(sets[0].label[place[i]])], "set": one.name,
            "strong in the object": round(float(_share(strong, inside)[i]), 4),
            "strong in the background": round(float(_share(strong, outside)[i]), 4),
        }
        for i in order
        for one, strong in zip(sets, kept, strict=True)
    ]  # fmt: skip
    index = place[order[:MOST_COLUMNS]]
    rows = [("image", sets[0].image[index])]
    rows += [(one.name, GREY - show_targeted(strongest(one.perturbation[index]), GREY)) for one in sets]
    return FigureResult(
        pictures={"gallery": gallery_row(rows)},
        numbers={"complementarity": numbers},
        note="Grey where |δ| is below its mean. The images come first whose background is more often strong than "
        "their object.",
    )


def vanishing_cat(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 5.9: CIFAR-10's cats; of other data sets the class whose perturbations the test models recognize most."""
    sets = inputs.all_of(names)
    label = sets[0].label
    right = [
        torch.stack([answers == label for answers in inputs.answers(name).values()]).double().mean(0) for name in names
    ]
    classes = label.unique()
    best = torch.stack([right[0][label == c].mean() for c in classes]).argmax()
    called, known = inputs.data.class_names(), inputs.data.vanishing_class
    chosen = int(classes[best]) if known is None else called.index(known)
    shown = called[chosen]
    index = (label == chosen).nonzero()[:MOST_COLUMNS, 0]
    if not len(index):
        raise InputError(f"the sets have no image of class {shown}")
    numbers = [
        {
            "set": one.name,
            **{
                heading: value
                for who, there in {shown: label == chosen, "others": label != chosen}.items()
                if there.any()
                for heading, value in with_interval(
                    f"{who} recognized", float(found[there].mean()), int(there.sum())
                ).items()
            },
        }
        for one, found in zip(sets, right, strict=True)
    ]
    judges = "one test model" if len(inputs.judges.models) == 1 else f"mean of {len(inputs.judges.models)} test models"
    why = "" if known is not None else f", the class of {sets[0].name} that is recognized most"
    return FigureResult(
        pictures={"gallery": gallery_row(picture_rows(sets, index))},
        numbers={"recognized": numbers},
        note=f"The class shown is {shown}{why}; {judges}. {LOW_AND_HIGH}",
    )


def gradient_beside_cw(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 5.8."""
    sets = inputs.all_of(names)
    index, left_out = one_of_each(sets[0].label)
    return FigureResult(
        pictures={"gallery": gallery_row(picture_rows(sets, index))},
        numbers={"recognized": _recognized(inputs, names, "recognized")},
        note=_sentences(LOW_AND_HIGH, left_out),
    )


def _recognized(inputs: FigureInputs, names: Sequence[SetName], heading: str) -> list[Row]:
    """Share of each set's perturbations that get their label, or target, from each test model."""
    return [
        {
            "set": one.name,
            "test model": judge,
            "white box": inputs.judges.is_white_box(one, judge),
            "images": len(answers),
            **with_interval(heading, float((answers == wanted).double().mean()), len(answers)),
        }
        for name in names
        for one in [inputs.perturbations(name)]
        for wanted in [one.wanted]
        for judge, answers in inputs.answers(name).items()
    ]


def _seen(inputs: FigureInputs, perturbations: PerturbationSet, index: Tensor, example: Tensor) -> list[Row]:
    """Classes that the test models give images and adversarial examples."""
    clean, attacked = inputs.judges.seen(perturbations.image[index]), inputs.judges.seen(example)
    called = inputs.data.class_names()
    return [
        {
            "image": called[label],
            **{f"{judge} sees": f"{called[clean[judge][i]]} → {called[attacked[judge][i]]}" for judge in clean},
        }
        for i, label in enumerate(perturbations.label[index].tolist())
    ]


def _example(inputs: FigureInputs, perturbations: PerturbationSet, index: Tensor) -> Tensor:
    return adversarial_example(perturbations.image[index], perturbations.perturbation[index], inputs.data.epsilon)


def _first_masked(inputs: FigureInputs, perturbations: PerturbationSet) -> tuple[Tensor, Tensor, str]:
    """The first image with a mask of each class, their masks, and a sentence where classes are left out."""
    place, masks = inputs.masked(perturbations)
    first, left_out = one_of_each(perturbations.label[place])
    return place[first], masks[first], left_out


def _sentences(*those: str) -> str:
    return " ".join(filter(None, those))


def _inside(picture: Tensor, mask: Tensor) -> Tensor:
    return torch.where((mask == OBJECT)[:, None], picture, picture.new_tensor(GREY))


def _share(strong: Tensor, region: Tensor) -> Tensor:
    """Returns the mean `[N]` of `strong` `[N, H, W]` over a region `[N, H, W]` bool."""
    return (strong * region).sum((1, 2)) / region.sum((1, 2))
