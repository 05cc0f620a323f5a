"""Every table and figure that can be made, by name."""

from functools import partial
from typing import Final

from lit_adv.evaluation.set_tables import areas, recognizability, strength
from lit_adv.reproduce import agreement, curves, galleries, growth, halves, showing, study, tables
from lit_adv.reproduce.entry import Entry
from lit_adv.reproduce.set_name import set_names

MAIN_ATTACKS: Final = ("bim", "cw", "deepfool")
UNTARGETED: Final = set_names(*(f"{setting}-{attack}" for setting in ("sm", "nmm") for attack in MAIN_ATTACKS))
MANY: Final = set_names(*(f"{setting}-{attack}" for setting in ("mm", "nmm") for attack in MAIN_ATTACKS))
SIGMAS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


CATALOGUE: Final = (
    Entry(
        name="figure-4.3",
        title="Figure 4.3: clipping",
        published="Clipped to [0, 1], a lemon's perturbation has livelier colours and an outline closer to the image: "
        "the image leaks into it.",
        sets=set_names("nmm-bim-clipped", "nmm-bim"),
        make=galleries.clipping,
        judges=False,
    ),
    Entry(
        name="figure-4.4",
        title="Figure 4.4: perturbations of untargeted attacks",
        published="One model's perturbations are full of noise. Averaged over models and noisy copies they look like "
        "the image; a 1 attacked by BIM and CW shows a faint 4 and a plain 7.",
        sets=UNTARGETED,
        make=galleries.of_sets,
        judges=False,
    ),
    Entry(
        name="table-4.3",
        title="Table 4.3: perturbations recognized by a held-out model",
        published="Recognized, % (BIM, CW, DeepFool): MNIST SM 18, 46, 17, NMM 57, 44, 68; CIFAR-10 SM 9, 7, 11, NMM "
        "68, 55, 19; ImageNet SM 5.5, 4.5, 5.0, NMM 56.0, 38.0, 38.0.",
        sets=UNTARGETED,
        make=partial(tables.evaluated, tables=(recognizability, areas)),
        any_images=True,
    ),
    Entry(
        name="human-study",
        title="Section 4.8.2.2: perturbations recognized by people",
        published="80.7 % of 200 ImageNet perturbations (NMM BIM) by 48 people, 12 in each of 4 groups, the best and "
        "the worst of each group left out; 20 choices, chance 5 %.",
        sets=set_names("nmm-bim"),
        make=study.study,
        judges=False,
    ),
    Entry(
        name="table-4.4",
        title="Table 4.4: strength of the attacks",
        published="Mean accuracy under attack, % (clean, random noise; SM and NMM of BIM, CW, DeepFool): MNIST 100, "
        "88; 3, 56, 15 and 0, 3, 0; CIFAR-10 94, 82; 39, 59, 56 and 21, 12, 42; ImageNet 81.8, 81.8; 63.3, "
        "77.0, 68.3 and 13.2, 19.7, 15.2.",
        sets=UNTARGETED,
        make=partial(tables.evaluated, tables=(strength, partial(strength, under="attack_l2"))),
        any_images=True,
    ),
    Entry(
        name="figure-4.6",
        title="Figure 4.6: images and adversarial examples",
        published="Of NMM BIM: the test model takes a digit for an 8, CIFAR-10's take an image for a ship, ImageNet's "
        "a cab for an ambulance. MNIST needs a more visible perturbation, perhaps for its few pixels.",
        sets=set_names("nmm-bim"),
        make=galleries.adversarial_examples,
    ),
    Entry(
        name="figure-4.7",
        title="Figure 4.7: perturbations and their contours",
        published="What lies inside the object's contour counts as the recognizable information, the rest as "
        "background.",
        sets=set_names("nmm-bim"),
        make=galleries.contours,
        masks=True,
        judges=False,
    ),
    Entry(
        name="contour-background",
        title="Section 4.8.4: contour against background",
        published="ImageNet, NMM, mean accuracy of four test models, % (BIM, CW, DeepFool): contour alone 32.3, 37.0, "
        "33.5; background alone 62.1, 69.0, 60.6; area of the contours to that of the backgrounds 0.83.",
        sets=set_names(*(f"nmm-{attack}" for attack in MAIN_ATTACKS)),
        make=curves.contour_and_background,
        masks=True,
    ),
    Entry(
        name="figure-4.8",
        title="Figure 4.8: accuracy against the perturbed area",
        published="At equal area the contour is the stronger attack, with noise (NMM) and without (MM).",
        sets=MANY,
        make=curves.by_area_curves,
        masks=True,
    ),
    Entry(
        name="figure-4.9",
        title="Figure 4.9: accuracy lost for each percent of area",
        published="A peak inside the object, a second one at its border, little in the background.",
        sets=MANY,
        make=curves.derivative_curves,
        masks=True,
    ),
    Entry(
        name="figure-4.10",
        title="Figure 4.10: accuracy against ε",
        published="From ε = 0.01 to 0.10 the background saturates at 60 to 70 % accuracy; the contour falls to 10 to "
        "20 %.",
        sets=MANY,
        make=curves.by_epsilon_curves,
        masks=True,
    ),
    Entry(
        name="figure-4.11",
        title="Figure 4.11: from one perturbation to the adversarial example",
        published="One perturbation is noise; averaged and cut to the contour it shows the tree frog; a little of it "
        "taken off the image, and the test model is wrong.",
        sets=set_names("sm-bim", "nmm-bim"),
        make=galleries.whole_story,
        masks=True,
    ),
    Entry(
        name="figure-4.12",
        title="Figure 4.12: targeted attacks",
        published="Siamese cat → tiger: fur turns orange, with stripes; hen → cock: a larger, redder comb; slug → "
        "snail: a shell's spiral. Less plain than the masking effect, and not in every image.",
        sets=set_names(*(f"{setting}-{attack}-targeted" for attack in ("bim", "cw") for setting in ("sm", "nmm"))),
        make=galleries.targeted,
    ),
    Entry(
        name="figure-5.1",
        title="Figure 5.1: the Square attack on one model",
        published="Perturbations of one model beside their images.",
        sets=set_names("sm-square"),
        make=galleries.of_sets,
        judges=False,
        own_attacks=True,
    ),
    Entry(
        name="figure-5.2",
        title="Figure 5.2: averaged Square perturbations that show the object",
        published="About 27,000 averaged for each of 40 images: the object appears without any gradient.",
        sets=set_names("sm-square", "nmm-square"),
        make=partial(galleries.square_examples, clear=True),
        own_attacks=True,
    ),
    Entry(
        name="figure-5.3",
        title="Figure 5.3: averaged Square perturbations that hardly show it",
        published="A tree frog without a clear outline; of a shark only head and fin.",
        sets=set_names("sm-square", "nmm-square"),
        make=partial(galleries.square_examples, clear=False),
        own_attacks=True,
    ),
    Entry(
        name="figure-5.4",
        title="Figure 5.4: many models, no noise",
        published="Every attack shows the masking effect without noise too, less clearly, from a tenth of the "
        "perturbations.",
        sets=set_names(*(f"mm-{attack}" for attack in MAIN_ATTACKS)),
        make=galleries.of_sets,
        judges=False,
    ),
    Entry(
        name="figure-5.5",
        title="Figure 5.5: the noise's scale",
        published="One model, 1,000 copies, σ from 0.05 to 0.5: a grid appears whose period grows from 1 pixel at σ = "
        "0.1 to about 30 at 0.5 (7 in a row); detail fades, the outline stays.",
        sets=set_names(*(f"nsm-bim-sigma-{sigma:g}" for sigma in SIGMAS)),
        make=curves.noise_scale,
        judges=False,
    ),
    Entry(
        name="figure-5.6",
        title="Figure 5.6: complementarity",
        published="A daisy under CW, MM and NMM: the petals are hardly perturbed, the background is.",
        sets=set_names("mm-cw", "nmm-cw"),
        make=galleries.complementarity,
        masks=True,
        judges=False,
    ),
    Entry(
        name="figure-5.7",
        title="Figure 5.7: similarity of the attacks",
        published="NMM attacks (BIM, CW, DeepFool) reach about 0.5; SM far less, but SM gradient and DeepFool agree "
        "closely.",
        sets=set_names(*(f"{setting}-{attack}" for setting in ("sm", "nmm") for attack in ("gradient", *MAIN_ATTACKS))),
        make=tables.similarities,
        masks=True,
        judges=False,
    ),
    Entry(
        name="figure-5.8",
        title="Figure 5.8: gradient beside CW",
        published="CW keeps to the panda's contour, with less noise and a clearer outline than the gradient.",
        sets=set_names("nmm-gradient", "nmm-cw"),
        make=galleries.gradient_beside_cw,
        own_attacks=True,
    ),
    Entry(
        name="figure-5.9",
        title="Figure 5.9: the vanishing cat",
        published="The perturbations of CIFAR-10's cats have no clear outline, yet 92.5 % are recognized, of the "
        "other classes' 63.0 %.",
        sets=set_names(*(f"nmm-{attack}" for attack in MAIN_ATTACKS)),
        make=galleries.vanishing_cat,
    ),
    Entry(
        name="noise-classes",
        title="Section 5.4: which class pure noise gets",
        published="CIFAR-10: DenseNet-40 cat 100 %; DIA-ResNet-164 cat 77, bird 23; PyramidNet-110 cat 95, bird 5; "
        "ResNet-56 bird 100. ImageNet: BN-Inception chain mail 99.3; DenseNet-121 prayer rug 93.6, chain "
        "mail 6.0; VGG-16 doormat 98.9; ResNet-50 window screen 78.8, jean 13.7.",
        sets=set_names("nmm-bim"),
        make=tables.noise,
    ),
    Entry(
        name="growth",
        title="Beyond the thesis: growth with models and copies",
        published="Nothing: all averages of the thesis are over all models and copies.",
        sets=set_names(*(f"nmm-{attack}" for attack in MAIN_ATTACKS)),
        make=growth.curves,
        growth=True,
        any_images=True,
    ),
    Entry(
        name="showing",
        title="Beyond the thesis: ways of showing −δ",
        published="Nothing: all perturbations of the thesis are shown with the mean and standard deviation of the data "
        "set.",
        sets=set_names("nmm-gradient"),
        make=showing.of_ways,
    ),
    Entry(
        name="halves",
        title="Beyond the thesis: reliability, predicted from half of the models and measured on the other half",
        published="Nothing: the thesis does not say how many models are enough. On ImageNet it has 270.",
        sets=set_names("nmm-gradient"),
        make=halves.halves,
        judges=False,
        groups=True,
    ),
    Entry(
        name="maps",
        title="Beyond the thesis: where models agree, and where perturbations are noise",
        published="Nothing: the thesis shows averages only.",
        sets=set_names(*(f"nmm-{attack}" for attack in MAIN_ATTACKS)),
        make=agreement.shares,
        judges=False,
        groups=True,
        any_images=True,
    ),
    Entry(
        name="models",
        title="Beyond the thesis: which networks share features",
        published="Nothing: the thesis compares attacks (Figure 5.7), not models.",
        sets=set_names("nmm-bim"),
        make=agreement.models,
        judges=False,
        groups=True,
    ),
)
