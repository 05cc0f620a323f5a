"""Weight files: the two kinds, and what must never be opened or taken."""

import math
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lit_adv.errors import InputError
from lit_adv.zoo.weights import put_weights, read_weights

TENSORS = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


def test_both_kinds(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "a.pth")
    save_file(TENSORS, tmp_path / "a.safetensors")
    for path in (tmp_path / "a.pth", tmp_path / "a.safetensors"):
        layer = nn.Linear(3, 2)
        put_weights(layer, read_weights(path), path, "linear")
        assert torch.equal(layer.weight, TENSORS["weight"])


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_a_pickle_that_wants_to_run_code_does_not(tmp_path: Path, protocol: str) -> None:
    path, mark = tmp_path / "evil.pth", tmp_path / "ran"
    if protocol == "torch":
        torch.save({"weight": Command(mark)}, path)
    else:
        path.write_bytes(pickle.dumps({"weight": Command(mark)}))
    with pytest.raises(InputError, match=r"evil\.pth holds more than tensors"):
        read_weights(path)
    assert not mark.exists()


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("left", [0, 10, 0.5, 0.95])
def test_files_cut_short(tmp_path: Path, ending: str, left: float) -> None:
    path = tmp_path / f"a.{ending}"
    torch.save(TENSORS, path) if ending == "pth" else save_file(TENSORS, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole)) if 0 < left < 1 else int(left)])
    with pytest.raises(InputError, match=rf"a\.{ending} (is damaged|holds more than tensors, or is damaged)"):
        read_weights(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"state_dict": TENSORS}])
def test_files_of_something_else(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match="no file of real tensors by name"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
@pytest.mark.parametrize(
    "content",
    [
        {0: torch.ones(1)},
        {"weight": torch.ones(1, dtype=torch.complex64)},
        {"weight": torch.ones(2, 2).to_sparse()},
    ],
)
def test_tensors_that_are_no_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match="no file of real tensors by name"):
        read_weights(tmp_path / "a.pth")


def test_old_files_cut_anywhere(tmp_path: Path) -> None:
    """Files of torch before 1.6 are a row of pickles."""
    path = tmp_path / "old.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    assert read_weights(path).keys() == TENSORS.keys()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"old\.pth"):
            read_weights(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weight file"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Linear(3, 10), r"weight is \[2, 3\], the network's is \[10, 3\]"),
        (nn.Linear(3, 2, bias=False), "it has unknown bias"),
        (nn.Sequential(nn.Linear(3, 2)), r"it lacks 0\.weight, 0\.bias; it has unknown weight, bias"),
    ],
)
def test_weights_of_another_architecture_or_class_count(layer: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=f"file does not fit linear: {message}") as error:
        put_weights(layer, TENSORS, Path("file"), "linear")
    assert "\n" not in str(error.value)


NARROW = [torch.float8_e4m3fn, torch.float8_e5m2]
NO_NUMBERS = [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool]


@pytest.mark.parametrize("dtype", [*NARROW, *NO_NUMBERS])
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_that_are_no_floating_point_numbers_of_16_bits(tmp_path: Path, dtype: torch.dtype, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    tensors = TENSORS | {"bias": TENSORS["bias"].to(dtype)}
    torch.save(tensors, path) if ending == "pth" else save_file(tensors, path)
    layer = nn.Linear(3, 2)
    with pytest.raises(InputError, match=f"does not fit linear: bias is {str(dtype).removeprefix('torch.')}[,;] "):
        put_weights(layer, read_weights(path), path, "linear")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_that_keep_their_values(dtype: torch.dtype) -> None:
    layer = nn.Linear(3, 2)
    put_weights(layer, {name: tensor.to(dtype) for name, tensor in TENSORS.items()}, Path("file"), "linear")
    assert torch.equal(layer.weight, TENSORS["weight"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_weights_that_are_not_finite(value: float) -> None:
    tensors = TENSORS | {"bias": torch.tensor([0, value], dtype=torch.float64)}
    with pytest.raises(InputError, match="bias holds NaN or infinite values"):
        put_weights(nn.Linear(3, 2), tensors, Path("file"), "linear")


def test_integers_of_the_network_stay_integers() -> None:
    """Such as batch normalisation's count of batches, which may also be missing, as in old files."""
    tensors = nn.BatchNorm1d(2).state_dict() | {"num_batches_tracked": torch.tensor(7)}
    layer = nn.BatchNorm1d(2)
    put_weights(layer, dict(tensors), Path("file"), "norm")
    assert layer.num_batches_tracked == 7
    with pytest.raises(InputError, match="num_batches_tracked is float32, the network has int64 there"):
        put_weights(layer, tensors | {"num_batches_tracked": torch.tensor(7.0)}, Path("file"), "norm")
    del tensors["num_batches_tracked"]
    put_weights(layer, dict(tensors), Path("file"), "norm")


def test_names_of_data_parallel() -> None:
    """Left out where every name has them; elsewhere the message shows them."""
    parallel = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    layer = nn.Linear(3, 2)
    put_weights(layer, parallel, Path("file"), "linear")
    assert torch.equal(layer.weight, TENSORS["weight"])
    with pytest.raises(InputError, match=r"it has unknown module\.weight, module\.bias$"):
        put_weights(layer, TENSORS | parallel, Path("file"), "linear")
    wide = {f"module.{place}.{name}": tensor for place in range(40) for name, tensor in TENSORS.items()}
    with pytest.raises(InputError, match=r"it has unknown module\.0\.weight, .* and 77 more$"):
        put_weights(nn.Linear(3, 2), wide | {"bias": torch.ones(2)}, Path("file"), "linear")
