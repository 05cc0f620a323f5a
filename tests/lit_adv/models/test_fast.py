"""The fast forms are the same functions: logits, gradients and attacks agree with the plain models."""

import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn import functional

from lit_adv.attacks import BIM, CW, Gradient
from lit_adv.models.build import build, prepare
from lit_adv.models.fast import BFloat16Model, SingleChannelConv, fast_form
from lit_adv.models.stack import Stack, stackable
from lit_adv.models.vgg import vgg16_like
from lit_adv.zoo.zoo import Zoo


def random_network(seed: int, width: int = 2) -> nn.Module:
    """The zoo's architecture with random weights and statistics of batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = vgg16_like(width)
        for layer in model:
            if isinstance(layer, nn.BatchNorm2d):
                for tensor, low, high in (
                    (layer.running_var, 0.5, 1.5),
                    (layer.weight, 0.5, 2),
                    (layer.bias, -0.2, 0.2),
                ):
                    assert tensor is not None
                    nn.init.uniform_(tensor, low, high)
    return model.double().eval().requires_grad_(False)


def images(rows: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    return torch.rand(rows, 1, 28, 28, generator=generator, dtype=torch.float64), torch.arange(rows) % 10


def test_the_fast_form_is_the_same_function() -> None:
    model = random_network(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fast = fast_form(model)
    x, y = images(6)
    assert torch.allclose(fast(x), model(x), atol=1e-12)
    assert torch.allclose(Gradient()(fast, x, y), Gradient()(model, x, y), atol=1e-12)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fast.modules())
    assert isinstance(next(fast.children()), SingleChannelConv)
    assert not any(p.requires_grad for p in fast.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(("groups", "out", "kernel", "padding"), [(1, 8, 3, 1), (3, 6, 5, 2), (2, 4, (3, 5), (0, 1))])
def test_the_quick_gradient_of_single_channels(groups: int, out: int, kernel: int, padding: int) -> None:
    conv = nn.Conv2d(groups, out, kernel, padding=padding, groups=groups).double().requires_grad_(False)
    assert SingleChannelConv.fits(conv)
    x = torch.rand(2, groups, 9, 9, dtype=torch.float64, requires_grad=True)
    weights = torch.rand_like(conv(x))
    expected, found = (
        torch.autograd.grad((layer(x) * weights).sum(), x)[0] for layer in (conv, SingleChannelConv(conv))
    )
    assert torch.allclose(found, expected, atol=1e-12)
    assert torch.equal(SingleChannelConv(conv)(x), conv(x))


NETWORKS = ("resnet20_cifar10", "preresnet20_cifar10", "densenet40_k12_cifar10", "diaresnet20_cifar10", "nin_cifar10")
NOT_TRACED = ("dicenet_wd5",)  # its steps depend on sizes that torch.fx does not know


@pytest.mark.parametrize("name", NETWORKS + NOT_TRACED)
def test_pytorchcvs_networks_too(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(name, {})
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
                nn.init.uniform_(layer.bias, -0.2, 0.2)
    side = 32 if name.endswith("cifar10") else 224
    model = prepare(network, (0.5, 0.4, 0.3), (0.2, 0.3, 0.2)).double().eval().requires_grad_(False)
    fast = fast_form(model)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 3, side, side, generator=generator, dtype=torch.float64), torch.tensor([1, 2])
    assert torch.allclose(fast(x), model(x), atol=1e-9)
    expected = Gradient()(model, x, y)
    assert torch.allclose(Gradient()(fast, x, y), expected, atol=1e-9 * float(expected.abs().max()))
    assert isinstance(fast, GraphModule) == (name not in NOT_TRACED)


def test_a_relu_with_another_user_stays_where_it_is() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            positive = self.relu(x)
            return self.pool(positive).mean((2, 3)) + positive.mean((2, 3))

    x = torch.randn(2, 3, 4, 4)
    assert torch.allclose(fast_form(Branch().eval())(x), Branch()(x))


@pytest.mark.parametrize("attack", [Gradient(), BIM(epsilon=0.1, steps=3), CW(c=10.0, steps=4)])
def test_a_stack_attacks_each_model_at_its_own_rows(attack: Gradient | BIM | CW) -> None:
    models = [random_network(seed) for seed in range(3)]
    x, y = images(12)
    stack = Stack(models)
    calibration = torch.randn(12, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = attack(stack, x, y, calibration=calibration)
    for g, model in enumerate(models):
        part = slice(4 * g, 4 * g + 4)
        assert torch.allclose(stack(x)[part], model(x[part]), atol=1e-12)
        assert torch.allclose(found[part], attack(model, x[part], y[part], calibration=calibration[part]), atol=1e-9)


def test_what_can_be_stacked() -> None:
    small = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    other = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    small.eval()
    other.eval()
    x = torch.rand(4, 4, 4, 4)
    assert torch.allclose(Stack([small, other])(x), torch.cat([small(x[:2]), other(x[2:])]), atol=1e-6)
    assert not stackable([vgg16_like(2), vgg16_like(4)])
    assert not stackable([nn.Sequential(nn.Softmax(1))] * 2)
    with pytest.raises(TypeError, match="cannot be stacked"):
        Stack([nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)).eval()] * 2)
    with pytest.raises(TypeError, match="of the same known layers"):
        Stack([vgg16_like(2).eval(), vgg16_like(4).eval()])


def test_bfloat16_runs_the_model_only(zoo: Zoo) -> None:
    model = zoo.sources[0].load()
    reduced = BFloat16Model(fast_form(model))
    x, y = (t.float() if t.is_floating_point() else t for t in images(8))
    logits = reduced(x)
    assert logits.dtype == torch.float32
    assert {p.dtype for p in reduced.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert functional.cosine_similarity(logits, model(x)).min() > 0.99
    delta = BIM(epsilon=0.1, steps=2)(reduced, x, y)
    assert delta.dtype == torch.float32
    assert torch.isclose(delta[..., None], torch.tensor([-0.1, 0.0, 0.1])).any(-1).all()  # steps of ±0.1, to ±0.1
    exact = BIM(epsilon=0.1, steps=2)(model, x, y)
    assert (delta.sign() == exact.sign()).float().mean() > 0.7
    assert not torch.equal(delta, exact)


def test_the_fast_forms_find_what_the_plain_models_find(zoo: Zoo) -> None:
    """Of a trained model. In float32 folding can flip the sign of gradients near 0, and with it whole paths of BIM."""
    model = zoo.sources[0].load().double()
    x, y = images(50)
    for attack in (Gradient(), BIM(epsilon=0.1, steps=5)):
        plain, fast = (attack(m, x, y) for m in (model, fast_form(model)))
        assert torch.allclose(fast, plain, atol=1e-9 * float(plain.abs().max()))


@pytest.mark.parametrize("name", ["alexnet", "shufflenetv2b_wd2"])
def test_networks_that_view_their_features(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(name, {}).eval().requires_grad_(False)
        images = torch.rand(2, 3, 224, 224)
    assert torch.allclose(fast_form(network)(images), network(images), atol=1e-4)


def answers(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    logits = model(x)
    return logits, torch.autograd.grad((logits * torch.arange(1.0, logits.shape[1] + 1, dtype=x.dtype)).sum(), x)[0]


class Shared(nn.Module):
    """One convolution twice, normalised once; a ReLU that works in place on what is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(2)
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)  # type: ignore[arg-type]
        nn.init.uniform_(self.norm.running_mean, -1.0, 1.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        first = self.norm(self.conv(x))
        second = self.conv(first) * 1
        pooled = self.pool(self.relu(second))
        return torch.cat(
            [pooled.mean((2, 3)), second.mean((2, 3)), functional.conv2d(x, self.conv.weight).mean((2, 3))], 1
        )


def test_layers_that_are_used_twice_keep_their_function() -> None:
    model = Shared().double().eval().requires_grad_(False)
    x = torch.rand(2, 3, 6, 6, dtype=torch.float64)
    for found, expected in zip(answers(fast_form(model), x), answers(model, x), strict=True):
        assert torch.allclose(found, expected, atol=1e-12)


class OfPython(nn.Module):
    """Own code that tracing takes down one way, and runs another."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.layer = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "asks" and isinstance(x, Tensor):
            x = x * 2
        if self.kind == "asserts":
            assert isinstance(x, Tensor)
        if self.kind == "no gradient":
            with torch.no_grad():
                base = x * 3
            x = x + base
        return self.layer(x.flatten(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["asks", "asserts", "no gradient", "plain"])
def test_own_code_is_the_same_function(kind: str) -> None:
    model = OfPython(kind).double().eval().requires_grad_(False)
    x = torch.rand(3, 3, 2, 2, dtype=torch.float64)
    fast = fast_form(model, x[:2])
    assert isinstance(fast, GraphModule) == (kind == "plain")
    for found, expected in zip(answers(fast, x), answers(model, x), strict=True):
        assert torch.equal(found, expected)


def test_a_model_that_cannot_be_copied_is_taken_as_it_is() -> None:
    class Holds(OfPython):
        def __deepcopy__(self, memo: object) -> "Holds":
            raise TypeError("cannot pickle '_thread.lock' object")

    model = Holds("asserts").eval()
    assert fast_form(model) is model


class Sized(nn.Module):
    """Own code as it is found in the wild: it asks for the size of images, which cannot be traced."""

    def __init__(self, wild: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 1))
        self.wild = wild

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-2:]) != (16, 16):
            x = functional.interpolate(x, (16, 16))
        x = self.body(x)
        if self.wild:
            x = x * self.get_submodule("body.1").running_var.view(-1, 1, 1)  # type: ignore[operator, union-attr]
        return x.mean((2, 3))


@pytest.mark.parametrize("wild", [False, True])
def test_parts_of_code_that_cannot_be_traced_are_folded_where_it_stays_the_same(wild: bool) -> None:
    model = Sized(wild).double().eval()
    nn.init.uniform_(model.get_parameter("body.1.weight"), 0.5, 2)
    x, y = torch.rand(4, 3, 12, 12, dtype=torch.float64), torch.arange(4)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in fast_form(model).modules())
    fast = fast_form(model, x)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in fast.modules()) == wild
    assert torch.allclose(Gradient()(fast, x, y), Gradient()(model, x, y), atol=1e-12)
    assert isinstance(model.get_submodule("body.1"), nn.BatchNorm2d)


def test_code_that_needs_its_layout_keeps_it() -> None:
    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(8, 3, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            assert tuple(x.shape[1:]) == (3, 12, 12)
            return functional.conv2d(x, self.weight).view(len(x), 8, -1).mean(2)

    model, x = Viewed().eval(), torch.rand(4, 3, 12, 12)
    fast = fast_form(model, x)
    assert fast is not model
    assert torch.allclose(fast(x), model(x), atol=1e-6)
