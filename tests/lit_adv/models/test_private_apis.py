"""Private parts of torch and pytorchcv that `lit_adv.models` uses are there, and mean what they meant."""

import pytest
import torch

from lit_adv.models.build import build, pytorchcv_makers
from lit_adv.models.fast import has_bf16


@pytest.mark.parametrize(("avx512", "amx"), [(False, False), (True, False), (False, True)])
def test_bfloat16_of_a_cpu(avx512: bool, amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where torch.cpu loses the two functions; then `--model.precision bf16` breaks on a CPU."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    if "avx512_bf16" in known:
        assert has_bf16(torch.device("cpu")) == (known["avx512_bf16"] or known["amx_tile"])
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert has_bf16(torch.device("cpu")) == (avx512 or amx)


def test_the_table_behind_get_model() -> None:
    """Fails where pytorchcv loses `_models`; then no network of pytorchcv can be built by its name."""
    from pytorchcv.model_provider import get_model

    makers = pytorchcv_makers()
    assert {"resnet20_cifar10", "resnet20_cifar100", "squeezenet_v1_1"} <= set(makers)
    with torch.device("meta"):
        assert str(build("nin_cifar10", {})) == str(get_model("nin_cifar10"))
