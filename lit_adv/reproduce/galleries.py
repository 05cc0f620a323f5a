"""The thesis's pictures of perturbations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.class_names import class_names
from lit_adv.evaluation.masks import BACKGROUND, OBJECT
from lit_adv.evaluation.recognizability import shown
from lit_adv.evaluation.similarity import correlation
from lit_adv.evaluation.strength import adversarial_example
from lit_adv.perturbation_set import PerturbationSet, first_of_each_class, name_of
from lit_adv.render import show_targeted, strongest
from lit_adv.report.gallery import MOST_COLUMNS, as_picture, band
from lit_adv.reproduce.made import Made
from lit_adv.reproduce.material import Material

GREY = 0.5
LARGEST = {"mnist": 1.0, "cifar10": 0.5, "imagenet": 0.5}
"""The largest magnitude of a targeted perturbation that is added to its image for show (4.6.6)."""


def of_sets(material: Material, names: Sequence[str]) -> Made:
    """The first image of each class and what each set has for it."""
    sets = material.same_images(names)
    index = first_of_each_class(sets[0].label)
    rows = [(name_of(one), as_picture(one, index)) for one in sets]
    return Made(pictures={"gallery": band([("image", sets[0].image[index]), *rows])})


def clipping(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.3."""
    sets = material.same_images(names)
    index = first_of_each_class(sets[0].label)
    titles = ("clipped", "not clipped")
    rows = [(title, as_picture(one, index)) for title, one in zip(titles, sets, strict=True)]
    numbers = [
        {
            "perturbations": title,
            "correlation of −δ with the image": round(correlation(-one.perturbation, one.image), 4),
        }
        for title, one in zip(titles, sets, strict=True)
    ]
    return Made(pictures={"gallery": band([("image", sets[0].image[index]), *rows])}, numbers={"correlation": numbers})


def adversarial_examples(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.6."""
    [made] = material.same_images(names)
    index = first_of_each_class(made.label)
    rows = [("image", made.image[index]), (f"x + {material.epsilon:g} · sign δ", _example(material, made, index))]
    return Made(pictures={"gallery": band(rows)})


def contours(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.7: perturbations and their parts inside the object."""
    [made] = material.same_images(names)
    index, mask = _masked(material, made)
    picture = as_picture(made, index)
    return Made(pictures={"gallery": band([(name_of(made), picture), ("its contour", _inside(picture, mask))])})


def whole_story(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.11: image, one perturbation, the average, its contour, the adversarial example."""
    one, averaged = material.same_images(names)
    index, mask = _masked(material, averaged)
    picture = as_picture(averaged, index)
    rows = [
        ("image", averaged.image[index]),
        (f"one perturbation ({name_of(one)})", as_picture(one, index)),
        (f"averaged ({name_of(averaged)})", picture),
        ("its contour", _inside(picture, mask)),
        ("adversarial example", _example(material, averaged, index)),
    ]
    return Made(pictures={"gallery": band(rows)})


def targeted(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.12: perturbations towards a target, and images with them."""
    sets = material.same_images(names)
    label, target = sets[0].label, sets[0].target
    assert target is not None
    index, largest = _spread(label), LARGEST[material.data]
    rows = [("image", sets[0].image[index])]
    for one in sets:
        rows += [
            (name_of(one).replace(" targeted", ""), as_picture(one, index)),
            ("image + it", one.image[index] + show_targeted(one.perturbation[index], largest)),
        ]
    called = class_names(material.data)
    pairs = dict.fromkeys(f"{called[a]} → {called[b]}" for a, b in zip(label[index], target[index], strict=True))
    numbers = [
        {"set": name_of(one), "test model": judge, "given the target": float((answers == target).double().mean())}
        for name, one in zip(names, sets, strict=True)
        for judge, answers in material.answers(name).items()
    ]
    return Made(
        pictures={"gallery": band(rows)},
        numbers={"recognized": numbers},
        note=f"From left to right: {', '.join(pairs)}. Beside each perturbation stands its image with the "
        "perturbation added, "
        f"scaled so that its largest magnitude is {largest:g}.",
    )


def square_examples(material: Material, names: Sequence[str], clear: bool) -> Made:
    """Figures 5.2 and 5.3: images whose perturbations show the masking effect most, and least."""
    [made] = material.same_images(names)
    pictures = shown(made.perturbation, material.data)
    logits = [torch.cat([judge(part) for part in pictures.split(50)]) for judge in material.judges.values()]
    sure = torch.stack([torch.take_along_dim(x.softmax(1), made.label[:, None], 1)[:, 0] for x in logits]).mean(0)
    index = sure.argsort(descending=clear, stable=True)[:MOST_COLUMNS]
    called = class_names(material.data)
    numbers = [
        {"image": int(place), "class": called[int(made.label[place])], "probability": round(float(sure[place]), 4)}
        for place in index
    ]
    which = "most" if clear else "least"
    return Made(
        pictures={"gallery": band([("image", made.image[index]), (name_of(made), as_picture(made, index))])},
        numbers={"probability": numbers},
        note=f"Those of {len(sure)} images to whose perturbations, shown alone, the test models give the {which} "
        "probability "
        f"of the image's class. {int(made.count[0])} perturbations were averaged for each.",
    )


def complementarity(material: Material, names: Sequence[str]) -> Made:
    """Figure 5.6: where perturbations are strong, the images first whose background is so and their object is not."""
    sets = material.same_images(names)
    place, mask = material.masked(sets[0])
    kept = [(strongest(one.perturbation[place]) != 0).any(1) for one in sets]
    inside, outside = mask == OBJECT, mask == BACKGROUND
    surplus = [_share(one, outside) - _share(one, inside) for one in kept]
    order = surplus[-1].nan_to_num(-torch.inf).argsort(descending=True, stable=True)
    called = class_names(material.data)
    numbers = [
        {
            "image": int(place[i]), "class": called[int(sets[0].label[place[i]])], "set": name_of(one),
            "strong in the object": round(float(_share(strong, inside)[i]), 4),
            "strong in the background": round(float(_share(strong, outside)[i]), 4),
        }
        for i in order
        for one, strong in zip(sets, kept, strict=True)
    ]  # fmt: skip
    index = place[order[:MOST_COLUMNS]]
    rows = [("image", sets[0].image[index])]
    rows += [(name_of(one), GREY - show_targeted(strongest(one.perturbation[index]), GREY)) for one in sets]
    return Made(
        pictures={"gallery": band(rows)},
        numbers={"complementarity": numbers},
        note="Grey where |δ| is below its mean. The images come first whose background is more often strong than "
        "their object.",
    )


def vanishing_cat(material: Material, names: Sequence[str]) -> Made:
    """Figure 5.9: CIFAR-10's cats; of other data sets the class whose perturbations the test models recognize most."""
    sets = material.same_images(names)
    if material.data == "cifar10":
        label = class_names("cifar10").index("cat")
    else:
        right = torch.stack([a == sets[0].label for a in material.answers(names[0]).values()]).double().mean(0)
        classes = sets[0].label.unique()
        label = int(classes[torch.stack([right[sets[0].label == c].mean() for c in classes]).argmax()])
    index = (sets[0].label == label).nonzero()[:MOST_COLUMNS, 0]
    rows = [(name_of(one), as_picture(one, index)) for one in sets]
    return Made(
        pictures={"gallery": band([("image", sets[0].image[index]), *rows])},
        note=f"The class shown is {class_names(material.data)[label]}.",
    )


def _example(material: Material, made: PerturbationSet, index: Tensor) -> Tensor:
    return adversarial_example(made.image[index], made.perturbation[index], material.epsilon)


def _masked(material: Material, made: PerturbationSet) -> tuple[Tensor, Tensor]:
    """The first image with a mask of each class, and their masks."""
    place, masks = material.masked(made)
    first = first_of_each_class(made.label[place])
    return place[first], masks[first]


def _inside(picture: Tensor, mask: Tensor) -> Tensor:
    return torch.where((mask == OBJECT)[:, None], picture, picture.new_tensor(GREY))


def _spread(label: Tensor) -> Tensor:
    """Up to ten positions, the classes taking turns."""
    turns = torch.stack([(label[:place] == label[place]).sum() for place in range(len(label))])
    return turns.argsort(stable=True)[:MOST_COLUMNS].sort().values


def _share(strong: Tensor, region: Tensor) -> Tensor:
    """The share of a region's pixels that are strong, for each image; both `[N, H, W]` bool."""
    return (strong & region).sum((1, 2)) / region.sum((1, 2))
