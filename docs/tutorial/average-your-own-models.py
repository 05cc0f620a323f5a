# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Average your own models
#
# You have some networks of your own and some images. In eight lines you get the picture that their perturbations hide,
# and the numbers that say how plain it is. Everything here runs on two cores in some minutes, without a download.

# %%
import torch
from torch import nn

import lit_adv

MODELS, EPOCHS, COPIES = 10, 4, 10

# %% [markdown]
# ## Your models
#
# Any modules do that take images `[B, C, H, W]` in [0, 1] and give logits `[B, K]`. These are ten small networks for
# handwritten digits that differ in nothing but the seed of their training. They must be in evaluation mode, as they
# would be used.


# %%
def train(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for channels, out in ((1, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(288, 10))
    digits, classes = lit_adv.digits(per_class=None, train=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=EPOCHS * len(classes) // 50)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(classes)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(digits[rows]), classes[rows]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


# %%
judge, *models = (train(seed) for seed in range(MODELS))

# %% [markdown]
# ## Eight lines
#
# The perturbations that DeepFool finds on one model; then the average over all models but the judge, and over noisy
# copies of each digit. The gallery shows them with a minus sign, values below 0 black.

# %%
images, labels = lit_adv.digits(per_class=10)
attack = lit_adv.DeepFool()
one = lit_adv.average(models[0], images, labels, attack)
many = lit_adv.average(models, images, labels, attack, copies=COPIES, sigma=0.4)
lit_adv.gallery(one, many)

# %% [markdown]
# And the numbers: what does a network that took no part see in the perturbations alone, and how strongly do they attack
# it? Chance is 10 %. *Recognized* counts the perturbations that it gives their image's digit; *under attack* is its
# accuracy on x + ε·sign(δ). In brackets are 95 % intervals.

# %%
lit_adv.evaluate(one, {"held out": judge})

# %%
lit_adv.evaluate(many, {"held out": judge})

# %% [markdown]
# ## Many or large models
#
# Models are attacked one after the other. An iterator makes each when its turn has come, so that one is in memory at a
# time, whatever their number.

# %%
lit_adv.average((train(seed) for seed in (1, 2)), images[:10], labels[:10], attack)

# %% [markdown]
# ## Long runs
#
# With `out=FOLDER` what is done is kept there. Interrupt the cell and run it again: it goes on where it was, to the
# same bits, and a finished set is read from there. `lit-adv test`, `report` and `study` take the folder too.

# %%
kept = lit_adv.average(models, images[:10], labels[:10], attack, copies=2, sigma=0.4, out="runs/own")
kept

# %% [markdown]
# ## Towards another class
#
# With `targets` the attack is targeted, and the average shows the target's features, with its own sign: here each digit
# is to become the next one.

# %%
targets = (labels + 1) % 10
targeted = lit_adv.average(
    models, images, labels, lit_adv.BIM(epsilon=0.2, steps=10), targets=targets, copies=COPIES, sigma=0.4
)
lit_adv.gallery(targeted)

# %% [markdown]
# The page [in Python](../how-to/python.md) has the rest: devices, exactness, attacks alone, attacks inside your own
# Lightning module.
