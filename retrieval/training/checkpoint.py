"""A run's whole state as one safetensors file: tensors, and a JSON document in its header. Never a pickle."""

import json
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.errors import TrainingRefused

_FORMAT = "siamese-index training state 1"


def pack(
    network: nn.Module,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    facts: Any,
) -> bytes:
    """Write the state of a run between two epochs; ``facts`` is a JSON document of the caller's."""
    from safetensors.torch import save

    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"objective.{name}": tensor for name, tensor in objective.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
    contiguous = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return save(contiguous, {"format": _FORMAT, "facts": json.dumps(facts)})


def unpack(
    content: bytes, network: nn.Module, objective: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], Any]:
    """Put a state back and return the best weights so far, and the caller's facts.

    Raises:
        TrainingRefused: not such a file, or of a run with another network, loss or optimizer.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
        facts = json.loads(header["facts"]) if header.get("format") == _FORMAT else None
    except (SafetensorError, LookupError, ValueError) as error:
        raise TrainingRefused(f"the checkpoint cannot be read ({error}): begin again") from error
    if facts is None:
        raise TrainingRefused(f"the checkpoint is of another format, {header.get('format')!r}: begin again")
    try:
        network.load_state_dict(_part(tensors, "network."))
        objective.load_state_dict(_part(tensors, "objective."))
        optimizer.load_state_dict(
            {"state": _optimizer_state(tensors), "param_groups": optimizer.state_dict()["param_groups"]}
        )
    except (RuntimeError, ValueError, KeyError) as error:
        raise TrainingRefused(f"the checkpoint is of another run: {error}") from error
    return _part(tensors, "best."), facts


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        number, _, field = name.partition(".")
        state.setdefault(int(number), {})[field] = tensor
    return state
