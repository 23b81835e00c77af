"""Weights from a file, a folder or the Hugging Face hub into a network, all or nothing."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError

import torch
from huggingface_hub import constants, hf_hub_download
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from networks.official_weights import published_network

UNREADABLE = (
    UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AssertionError,
    struct.error,
)
"""What `torch.load` raises of a file that is not its own, or is damaged: it obeys the bytes as they
come, and which error ends that depends on them."""
_SIZE_KEY = "trained_size"
"""Of the metadata of a ``.safetensors`` file: height and width in pixels, like ``96x128``, as
`callbacks.weights_writer` leaves it."""
_PREFIXES = ("module.", "_orig_mod.", "net.")
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_FILE_NAMES = ("weights.safetensors", "model.safetensors")
_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
_COUNTER = "num_batches_tracked"
_NUM_EXAMPLES = 3


class WeightsError(ValueError):
    """Weights that cannot be had, cannot be read or do not fit; one line that says what to do."""


State = dict[str, Tensor]


def load_weights(
    net: nn.Module, weights: str, *, rename: Callable[[State], State] | None = None
) -> None:
    """Load weights into a network, every key or none.

    Prefixes that all keys share (``module.`` of data parallel, ``_orig_mod.`` of torch.compile,
    ``net.`` of our adapters and modules, in any order) are ignored on both sides, so the file of
    an adapter fits the bare network and the reverse. Other number types are converted. Files from
    before batch norm counted its batches (PyTorch 0.4.1) may lack those counters, which keep their
    values: only a batch norm without momentum reads them.

    Args:
        net: Keeps its values if an error is raised.
        weights: A ``.safetensors`` file; a file of `torch.save` that holds nothing but tensors and
            plain values, bare or under ``state_dict``, ``model_state_dict`` or ``model``; a folder
            with ``weights.safetensors`` or ``model.safetensors``; or a hub id ``owner/name`` whose
            ``model.safetensors`` is taken from the local cache or downloaded.
        rename: Brings the tensors of a published layout under the names of `net`; a ValueError of
            it says why they cannot be.

    Raises:
        WeightsError: If the weights cannot be had, cannot be read or do not fit.
    """
    path = _locate(weights)
    found = read_weights(weights)
    if rename is not None:
        try:
            found = rename(found)
        except ValueError as error:
            raise WeightsError(f"weights {path}: {error}") from error
    own = net.state_dict()
    names = dict(zip(_without_prefix(own), own, strict=True))
    wanted = {short: own[name] for short, name in names.items()}
    why = misfit(found, wanted)
    if why:
        raise WeightsError(f"weights {path} do not fit {type(net).__name__}: {why}")
    net.load_state_dict({**own, **{names[short]: value for short, value in found.items()}})


def read_weights(weights: str) -> dict[str, Tensor]:
    """Return the tensors of a file by their keys, without prefixes that all keys share.

    Args:
        weights: See `load_weights`.

    Raises:
        WeightsError: If the weights cannot be had or cannot be read.
    """
    return _without_prefix(_read(_locate(weights)))


def trained_size(weights: str) -> tuple[int, int] | None:
    """Return the (height, width) in pixels that a ``.safetensors`` file says it was trained at.

    Args:
        weights: See `load_weights`.

    Returns:
        None where the file does not say.

    Raises:
        WeightsError: If the weights cannot be had, cannot be read or say no size by that name.
    """
    path = _locate(weights)
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="pt") as file:
            said = (file.metadata() or {}).get(_SIZE_KEY)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"weights {path} cannot be read ({type(error).__name__})") from error
    if said is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", said)
    if found is None:
        raise WeightsError(f"weights {path} have {_SIZE_KEY} {said!r}: it must read like 96x128")
    return int(found[1]), int(found[2])


def misfit(found: State, wanted: State) -> str:
    """Return why tensors cannot be loaded, and the cure, in one line; empty where they can.

    Args:
        found: Those of a file.
        wanted: Those of the network.
    """
    problems = _problems(found, wanted)
    return f"{'; '.join(problems)}. {_cure(found, wanted)}" if problems else ""


def _locate(weights: str) -> Path:
    """Return the file that `weights` names."""
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        for name in _FILE_NAMES:
            if (path / name).is_file():
                return path / name
        raise WeightsError(
            f"weights folder {path} holds neither of {', '.join(_FILE_NAMES)}: give the file itself"
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", weights) and path.suffix not in _SUFFIXES:
        return _download(weights)
    raise WeightsError(f"weights {weights} not found: give an existing file, folder or hub id")


def _download(hub_id: str) -> Path:
    try:
        return Path(hf_hub_download(hub_id, "model.safetensors"))
    except (OSError, ValueError) as error:  # offline, not in the cache, no such repository or id
        raise WeightsError(
            f"weights {hub_id} are neither a local path nor to be had from the hub "
            f"({type(error).__name__}; cache {constants.HF_HUB_CACHE}): put the repository's "
            f"model.safetensors anywhere on this machine and give its path"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, *UNREADABLE) as error:
        raise WeightsError(
            f"weights {path} cannot be read ({type(error).__name__}): give a .safetensors file, or "
            "one of torch.save that holds only tensors and plain values"
        ) from error
    while isinstance(content, dict):
        inner = [content[name] for name in _WRAPPERS if isinstance(content.get(name), dict)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, dict) or not all(isinstance(x, Tensor) for x in content.values()):
        raise WeightsError(
            f"weights {path} hold no state dict: save net.state_dict(), bare or under "
            f"{' or '.join(_WRAPPERS)}"
        )
    return content


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state with the known prefixes taken off that all its keys share."""
    for prefix in _PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return _without_prefix({name[len(prefix) :]: x for name, x in state.items()})
    return state


def _cure(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    fitting = published_network(found)
    if fitting is not None and fitting != published_network(wanted):
        return f"They are those of {fitting}"
    return "Build the network with the class and arguments (width, encoder) the file was made with"


def _problems(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    missing = [name for name in wanted if name not in found and not name.endswith(_COUNTER)]
    unexpected = [name for name in found if name not in wanted]
    reshaped = [
        f"{name} {tuple(found[name].shape)} for {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    return [
        f"{len(names)} of {total} keys {problem} ({', '.join(names[:_NUM_EXAMPLES])}"
        f"{', ...' if len(names) > _NUM_EXAMPLES else ''})"
        for problem, names, total in (
            ("missing", missing, len(wanted)),
            ("unexpected", unexpected, len(found)),
            ("of another shape", reshaped, len(wanted)),
        )
        if names
    ]
