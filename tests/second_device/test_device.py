"""The simulated device keeps CUDA's rules. The same tests hold on CUDA."""

import copy
import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.helpers import digits_network
from tests.second_device.device import NAME, SecondTensor, without_float64

MIXED = "[Ee]xpected all tensors to be on the same device|indices should be either on"


@pytest.fixture
def rows(device: torch.device) -> Tensor:
    return torch.arange(6.0, device=device).view(2, 3)


class TestTensorsOfTwoDevicesDoNotMix:
    @pytest.mark.parametrize(
        "mix",
        [
            lambda here, there: here + there,
            lambda here, there: there + here,
            lambda here, there: here.clone().add_(there),
            lambda here, there: torch.cat([here, there]),
            lambda here, there: torch.where(here > 2, here, there),
            lambda here, there: here @ there.T,
            lambda here, there: functional.linear(there, here),
            lambda here, there: here.gather(1, there.long()),
            lambda here, there: functional.cross_entropy(here, torch.tensor([0, 1])),
            lambda here, there: there[here[0].long()],
            lambda here, there: here.clone().index_put_((torch.tensor([0]),), there[:1]),
        ],
    )
    def test_refused(self, rows: Tensor, mix: object) -> None:
        with pytest.raises((RuntimeError, IndexError), match=MIXED if rows.device.type == NAME else None):
            mix(rows, torch.ones(2, 3))  # type: ignore[operator]

    def test_a_single_number_of_the_cpu_may_be_an_elementwise_operand(self, rows: Tensor) -> None:
        two = torch.tensor(2.0)
        assert torch.equal((rows + two).cpu(), rows.cpu() + 2)
        assert torch.equal(torch.where(rows > 2, two, rows).cpu(), rows.cpu().clamp(max=2))
        assert torch.equal(rows.masked_fill(rows > 2, two).cpu(), rows.cpu().clamp(max=2))
        with pytest.raises(RuntimeError, match=MIXED):
            rows[0, 0] + torch.ones(3)
        with pytest.raises(RuntimeError, match=MIXED):
            torch.stack([rows[0, 0], two])

    def test_positions_may_be_on_the_cpu(self, rows: Tensor) -> None:
        for where in (torch.tensor([1, 0]), torch.tensor([False, True]), torch.tensor(1)):
            assert torch.equal(rows[where].cpu(), rows.cpu()[where])
            assert torch.equal(rows[where.to(rows.device)].cpu(), rows.cpu()[where])
        assert torch.equal(torch.ones(2, 3)[rows[0, 1].long()], torch.ones(3))  # one position is a number
        changed = rows.clone()
        changed[torch.tensor([0])] = torch.tensor(7.0)
        assert changed.tolist() == [[7, 7, 7], [3, 4, 5]]


class TestFromOneDeviceToTheOther:
    @pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad, torch.inference_mode])
    def test_moves(
        self, rows: Tensor, device: torch.device, context: Callable[[], AbstractContextManager[None]]
    ) -> None:
        with context():
            self.moves(rows, device)

    def moves(self, rows: Tensor, device: torch.device) -> None:
        assert rows.to(device) is rows
        assert rows.device == device
        for there in (rows.cpu(), rows.to("cpu"), torch.as_tensor(rows, device="cpu"), torch.zeros(2, 3).copy_(rows)):
            assert type(there) is Tensor
            assert there.tolist() == [[0, 1, 2], [3, 4, 5]]
            back = torch.zeros_like(rows).copy_(there)
            assert torch.equal(back, rows)
            assert torch.equal(there.to(device, torch.int64), rows.long())
        assert torch.tensor([rows[0, 1], rows[1, 0]]).tolist() == [1, 3]

    def test_numbers(self, rows: Tensor) -> None:
        assert rows.sum().item() == 15.0
        assert int(rows[1, 2]) == 5
        assert rows.tolist() == [[0, 1, 2], [3, 4, 5]]
        with pytest.raises(TypeError, match=r"can't convert .* to numpy"):
            rows.numpy()

    def test_saved_without_its_device(self, rows: Tensor) -> None:
        file = io.BytesIO()
        torch.save({"rows": rows}, file)
        file.seek(0)
        assert torch.equal(torch.load(file, weights_only=True, map_location="cpu")["rows"], rows.cpu())


def test_new_tensors(rows: Tensor, device: torch.device) -> None:
    made = [
        torch.zeros(3, device=device),
        torch.full((3,), 0.0, device=device),
        torch.tensor([0.0, 0.0, 0.0], device=device),
        torch.zeros_like(rows[0]),
        rows.new_zeros(3),
        torch.empty(3, device=device).zero_(),
    ]
    with torch.device(device):
        made.append(torch.zeros(3))
    for one in made:
        assert one.device == device
        assert one.tolist() == [0, 0, 0]
    assert torch.arange(5, device=device).tolist() == [0, 1, 2, 3, 4]
    assert sorted(torch.randperm(5, device=device).tolist()) == [0, 1, 2, 3, 4]
    assert torch.eye(2, device=device).tolist() == [[1, 0], [0, 1]]
    assert torch.zeros_like(rows, device="cpu").device.type == "cpu"


def test_random_numbers(device: torch.device) -> None:
    def drawn() -> list[float]:
        found: list[float] = torch.randn(3, device=device).tolist()
        return found

    torch.manual_seed(1)
    first = drawn()
    assert drawn() != first
    torch.manual_seed(1)
    assert drawn() == first
    with torch.random.fork_rng([0], device_type=device.type):
        following = drawn()
    assert drawn() == following
    with pytest.raises(RuntimeError, match=f"Expected a '{device.type}' device type for generator but found 'cpu'"):
        torch.rand(3, device=device, generator=torch.Generator())
    if device.type == NAME:
        with pytest.raises(NotImplementedError):  # torch lets no Python backend have generators
            torch.Generator(device=device)


def test_views_share_their_data(device: torch.device) -> None:
    whole = torch.zeros(3, 2, device=device)
    row, turned = whole[1], whole.T
    row += 1
    assert turned.tolist() == [[0, 1, 0], [0, 1, 0]]
    whole.t_()
    assert whole.shape == (2, 3)
    assert whole.tolist() == turned.tolist()


def test_gradients(rows: Tensor, device: torch.device) -> None:
    x = rows.clone().requires_grad_()
    assert torch.autograd.grad((x**2).sum(), x)[0].tolist() == (2 * rows).tolist()
    (x * x[0, 1]).sum().backward()
    assert x.grad is not None
    assert x.grad.device == device
    assert x.grad.tolist() == [[1, 16, 1], [1, 1, 1]]
    moved = torch.ones(2, 3, requires_grad=True)
    (moved.to(device) * rows).sum().backward()
    assert moved.grad is not None
    assert torch.equal(moved.grad, rows.cpu())
    with torch.inference_mode():
        made = rows + 1
    with torch.inference_mode(False):
        again = made.clone().requires_grad_()
        assert torch.autograd.grad(again.sum(), again)[0].tolist() == [[1, 1, 1], [1, 1, 1]]


class TestModules:
    def test_move_there_and_back(self, device: torch.device) -> None:
        model, images = digits_network().eval(), torch.rand(4, 1, 28, 28)
        expected = model(images).detach()
        assert model.to(device) is model
        assert {value.device for value in model.state_dict().values()} == {device}
        assert all(isinstance(parameter, nn.Parameter) for parameter in model.parameters())
        found = model(images.to(device)).detach().cpu()
        assert torch.equal(found, expected) if device.type == NAME else torch.allclose(found, expected, atol=1e-2)
        with pytest.raises(RuntimeError):
            model(images)
        other = copy.deepcopy(model)
        other.load_state_dict({name: torch.zeros_like(value).cpu() for name, value in model.state_dict().items()})
        assert not other(images.to(device)).any()
        assert model(images.to(device)).any()
        model.to(torch.bfloat16)
        assert model(images.to(device, torch.bfloat16)).dtype == torch.bfloat16
        assert {type(value) for value in model.float().cpu().state_dict().values()} == {Tensor}

    def test_learn_as_on_the_cpu(self, device: torch.device) -> None:
        images, labels = torch.rand(8, 1, 28, 28), torch.arange(8)
        learnt = []
        for where in (torch.device("cpu"), device):
            torch.manual_seed(0)
            model = digits_network().to(where)
            optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
            for _ in range(3):
                optimizer.zero_grad()
                functional.cross_entropy(model(images.to(where)), labels.to(where)).backward()
                optimizer.step()
            learnt.append({name: value.cpu() for name, value in model.state_dict().items()})
        first, second = learnt
        for name, value in first.items():
            assert (
                torch.equal(value, second[name])
                if device.type == NAME
                else torch.allclose(value.float(), second[name].float(), atol=1e-2)
            )


def test_without_float64(rows: Tensor, device: torch.device) -> None:
    if device.type != NAME:
        pytest.skip(f"{device.type} has float64")
    with without_float64():
        for make in (
            rows.double,
            lambda: torch.zeros(2, dtype=torch.float64).to(device),
            lambda: torch.zeros(2, dtype=torch.float64, device=device),
        ):
            with pytest.raises(TypeError, match="has no float64"):
                make()
        assert (rows * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
    assert rows.double().dtype == torch.float64


def test_the_accelerator_of_torch(device: torch.device) -> None:
    assert torch.accelerator.current_accelerator() == torch.device(device.type)
    assert torch.accelerator.device_count() >= 1
    if device.type == NAME:
        assert isinstance(torch.zeros(1, device=device), SecondTensor)
