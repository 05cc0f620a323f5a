"""Lightning on another device than the CPU."""

from typing import Any

import torch
from pytorch_lightning.accelerators import Accelerator, AcceleratorRegistry
from pytorch_lightning.strategies import SingleDeviceStrategy, StrategyRegistry

from tests.second_device.device import NAME


class SecondAccelerator(Accelerator):
    """What Lightning asks of an accelerator, for the simulated device."""

    def setup_device(self, device: torch.device) -> None:
        if device.type != NAME:
            raise ValueError(f"device is {device}")

    def teardown(self) -> None:
        pass

    @staticmethod
    def parse_devices(devices: Any) -> Any:
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:
        return [torch.device(NAME, 0)]

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return NAME

    def get_device_stats(self, device: Any) -> dict[str, Any]:
        return {}


def options(device: torch.device) -> list[str]:
    """Options of `lit-adv predict` and `test` for a device."""
    if device.type == NAME:
        if NAME not in AcceleratorRegistry:
            AcceleratorRegistry.register(NAME, SecondAccelerator)
            StrategyRegistry.register(NAME, SingleDeviceStrategy, device=f"{NAME}:0")
        return ["--trainer.accelerator", NAME, "--trainer.strategy", NAME]
    return ["--trainer.accelerator", "gpu"] if device.type == "cuda" else ["--trainer.accelerator", device.type]
