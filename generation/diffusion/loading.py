"""Diffusion models by hub id or local folder."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from logging import LogRecord, getLogger
from pathlib import Path
from typing import Any, TypeAlias

import torch

from datamodules.content_hash import content_hashes

Pipeline: TypeAlias = Any
"""A ``DiffusionPipeline``: diffusers gives it its parts and their types at run time."""
Network: TypeAlias = Any
"""A ``ModelMixin`` of diffusers, whose ``config`` and parts are known at run time alone."""

_WEIGHTS = (".safetensors", ".bin")
_JUDGES = ("safety_checker", "feature_extractor", "image_encoder")


class ModelNotFound(ValueError):  # noqa: N818 (named for what is missing)
    """A model that cannot be had; one line says where it was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model on this machine."""

    folder: Path
    """In the hub's layout."""
    name: str
    """Hub id or folder's name with what its weights are: ``id@commit`` or ``name@sha256:...``, as
    `datamodules.sample.Provenance.models` has it."""


def pipeline_files(model: str, *, revision: str = "main") -> ModelFiles:
    """Return the files of a pipeline: a folder with ``model_index.json`` and one per network.

    Args:
        model: Hub id (``owner/name``) or local folder.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
    """
    from diffusers import DiffusionPipeline
    from huggingface_hub.errors import HFValidationError

    found = _local(model, "model_index.json")
    if found is None:
        try:
            found = Path(DiffusionPipeline.download(model, revision=revision))
        except (OSError, HFValidationError) as error:
            raise _missing(model, revision) from error
    return ModelFiles(found, _name(model, found))


def network_files(
    model: str, *, revision: str = "main", weights: str = "diffusion_pytorch_model*.safetensors*"
) -> ModelFiles:
    """Return the files of one network: a folder with ``config.json`` and weights.

    Args:
        model: Hub id (``owner/name``) or local folder.
        revision: Of the hub: a branch, tag or commit.
        weights: Names of the files that are fetched beside those of settings; as diffusers has it.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
    """
    return snapshot_files(
        model, index="config.json", wanted=("*.json", "*.txt", weights), revision=revision
    )


def snapshot_files(
    model: str, *, index: str, wanted: Sequence[str], revision: str = "main"
) -> ModelFiles:
    """Return a local folder, or some files of a model of the hub.

    Args:
        model: Hub id (``owner/name``) or local folder.
        index: Name of the file without which it is no such model.
        wanted: Patterns of the names of the files to fetch.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    found = _local(model, index)
    if found is None:
        try:
            found = Path(snapshot_download(model, revision=revision, allow_patterns=list(wanted)))
        except (OSError, HFValidationError) as error:
            raise _missing(model, revision) from error
        if not (found / index).exists():
            raise ModelNotFound(f"model {model!r} has no {index}: give one in the hub's layout")
    return ModelFiles(found, _name(model, found))


def weights_file(model: str, file: str, *, revision: str = "main") -> tuple[Path, str]:
    """Return where a single file of weights lies, and its name with what is in it.

    Args:
        model: Hub id (``owner/name``) or local folder.
        file: Its name there.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError, RemoteEntryNotFoundError

    found = _local(model, file)
    if found is not None:
        digest = content_hashes([found / file])[found / file]
        return found / file, f"{found.resolve().name}/{file}@sha256:{digest[:16]}"
    try:
        path = Path(hf_hub_download(model, file, revision=revision))
    except RemoteEntryNotFoundError as error:
        raise ModelNotFound(
            f"model {model!r} (revision {revision!r}) has no {file}: name one of its files"
        ) from error
    except (OSError, HFValidationError) as error:
        raise _missing(model, revision) from error
    # the cache has a folder for each commit
    commit = path.parents[len(Path(file).parts) - 1].name
    return path, f"{model}/{file}@{commit}"


def load_pipeline(files: ModelFiles, dtype: torch.dtype = torch.float32) -> Pipeline:
    """Return a pipeline of diffusers in a dtype on the CPU, in evaluation mode.

    A safety checker is left out: it blackens pictures, and what is painted here is judged by
    filters that say why.

    Raises:
        ModelNotFound: If files are missing from the folder.
    """
    from diffusers import DiffusionPipeline

    import networks.identity_vae  # noqa: F401  # found by diffusers only where it is imported

    index = json.loads((files.folder / "model_index.json").read_text())
    left_out: dict[str, bool | None] = {
        part: None
        for part, found in index.items()
        if part in _JUDGES or found == [None, None]  # SD3 without T5, for one
    }
    if "requires_safety_checker" in index:
        left_out["requires_safety_checker"] = False
    try:
        kind: Pipeline = DiffusionPipeline
        with _autoencoder_of_any_kind():
            return kind.from_pretrained(
                files.folder, local_files_only=True, dtype=dtype, **left_out
            )
    except OSError as error:
        raise ModelNotFound(f"{files.folder} is no whole pipeline: {_line(error)}") from error


def network_class(files: ModelFiles) -> str:
    """Return the name of a network's class, as its ``config.json`` has it."""
    config = json.loads((files.folder / "config.json").read_text())
    return str(config.get("_class_name", "?"))


def load_network(
    files: ModelFiles, kind: type[Network], dtype: torch.dtype = torch.float32
) -> Network:
    """Return a network in a dtype on the CPU, in evaluation mode.

    Raises:
        ModelNotFound: If files are missing from the folder.
    """
    try:
        return kind.from_pretrained(files.folder, local_files_only=True, dtype=dtype).eval()
    except OSError as error:
        raise ModelNotFound(f"{files.folder} is no whole network: {_line(error)}") from error


@contextmanager
def _autoencoder_of_any_kind() -> Iterator[None]:
    """Let diffusers not remark that `networks.identity_vae` is no class of its own."""

    def is_kept(record: LogRecord) -> bool:
        return not record.getMessage().startswith("Expected types for vae")

    logger = getLogger("diffusers.pipelines.pipeline_utils")
    logger.addFilter(is_kept)
    try:
        yield
    finally:
        logger.removeFilter(is_kept)


def _local(model: str, file: str) -> Path | None:
    """Return the folder if the model is one; None where it can only be a hub id."""
    folder = Path(model).expanduser()
    if (folder / file).exists():
        return folder
    if folder.is_dir():
        raise ModelNotFound(f"folder {folder} has no {file}: give a folder in the hub's layout")
    if folder.is_absolute() or model.count("/") != 1 or model.startswith("."):
        raise ModelNotFound(f"there is no folder {folder}, and a hub id has the form owner/name")
    return None


def _missing(model: str, revision: str) -> ModelNotFound:
    from huggingface_hub import constants

    place = f"models/{model.rpartition('/')[2]}"
    return ModelNotFound(
        f"model {model!r} (revision {revision!r}) is no folder here, is not in the cache "
        f"{constants.HF_HUB_CACHE} and cannot be had from {constants.ENDPOINT}; on a machine with "
        f"a network run `hf download {model} --local-dir {place}`, copy the folder here and give "
        "its path as the model; configs/generation/maskfactory.yaml runs without any download"
    )


def _name(model: str, folder: Path) -> str:
    if folder.parent.name == "snapshots":  # the hub's cache has a folder for each commit
        return f"{model}@{folder.name}"
    weights = sorted(path for path in folder.rglob("*") if path.suffix in _WEIGHTS)
    hashes = content_hashes(weights)
    digest = sha256()
    for path in weights:
        digest.update(f"{path.relative_to(folder)} {hashes[path]}\n".encode())
    return f"{folder.resolve().name}@sha256:{digest.hexdigest()[:16]}"


def _line(error: OSError) -> str:
    return " ".join(str(error).split())
