"""A trained edit branch as files: LoRA as diffusers and peft have it, and the hint beside it."""

from hashlib import sha256
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from generation.diffusion.edit_branch import EditBranch
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.loading import ModelNotFound

LORA = "pytorch_lora_weights.safetensors"
"""Where ``load_lora_weights`` of diffusers looks for it in a folder."""
HINT = "edge_hint.safetensors"
_METADATA = {"format": "pt"}  # one entry: several would be written in an order that changes


def edit_branch_files(branch: EditBranch) -> dict[str, bytes]:
    """Return the content of the files of a folder that `load_edit_branch` reads, by name."""
    state = {name: x.detach().cpu().contiguous() for name, x in branch.state_dict().items()}
    lora = {name: x for name, x in state.items() if name.startswith("unet.")}
    hint = {name: x for name, x in state.items() if name.startswith("hint.")}
    return {LORA: save(lora, _METADATA), HINT: save(hint, _METADATA)}


def load_edit_branch(folder: str, model: LatentModel) -> EditBranch:
    """Return a trained branch on the CPU, frozen.

    Args:
        folder: Holds `LORA` and `HINT`, as ``callbacks.adapter_writer`` leaves them.
        model: That it was trained on, or another of the same shape.

    Raises:
        ModelNotFound: If there are no such files.
        ValueError: If they cannot be read or do not fit the model.
    """
    place = Path(folder).expanduser()
    missing = [name for name in (LORA, HINT) if not (place / name).is_file()]
    if missing:
        raise ModelNotFound(
            f"adapter folder {place} has no {missing[0]}: give the adapter folder of a run of "
            "configs/mask_editor/masactrl.yaml"
        )
    contents = [(place / name).read_bytes() for name in (LORA, HINT)]
    try:
        state = load(contents[0]) | load(contents[1])
    except SafetensorError as error:
        raise ValueError(f"adapter {place} cannot be read ({error}): copy it anew") from error
    digest = sha256(b"".join(contents)).hexdigest()[:16]
    branch = EditBranch(
        model,
        rank=_rows(state, "lora_A.weight"),
        hint_width=_rows(state, "hint.encode.weight"),
        name=f"{place.resolve().name}@sha256:{digest}",
    )
    wanted = branch.state_dict()
    wrong = sorted(
        name
        for name in wanted.keys() | state.keys()
        if name not in wanted or name not in state or wanted[name].shape != state[name].shape
    )
    if wrong:
        raise ValueError(
            f"adapter {place} does not fit model {model.name}: {len(wrong)} of {len(wanted)} "
            f"weights are missing, of another shape or too many ({wrong[0]}, ...); give the model "
            "that it was trained on"
        )
    branch.load_state_dict(state)
    return branch.requires_grad_(False).eval()


def _rows(state: dict[str, Tensor], end: str) -> int:
    """Return how many rows the first weight has whose name ends so; 1 where none does."""
    return next((len(x) for name, x in state.items() if name.endswith(end)), 1)
