"""CLIP as open_clip builds it: by name with weights, or small with random ones."""

from pathlib import Path

import open_clip
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import SimpleTokenizer

from networks.weights import WeightsError


def clip_model(model: str, weights: str | None = None, *, image_size: int | None = None) -> CLIP:
    """Return a CLIP in float32 on the CPU.

    Args:
        model: An architecture of open_clip (``ViT-B-16-quickgelu`` is OpenAI's: plain ``ViT-B-16``
            has another activation), a folder with ``open_clip_config.json`` and weights, or the
            id of such a repository on the hub, ``owner/name``.
        weights: For an architecture: a tag of open_clip (``openai``) or a file. None: random
            ones. A folder or a repository brings its own.
        image_size: Side of the square that the position grid is stored for, in pixels. None: the
            architecture's own, which is resized to each image and so fits all of them; a network
            whose weights were saved with another grid needs that one (ZegCLIP: 512).

    Raises:
        WeightsError: If model or weights are unknown, cannot be had or do not fit.
        ValueError: If the text encoder is another than CLIP's own, or reads the tokens of another
            tokenizer (``worldwide``, CLIPA).

    Example:
        >>> clip_model("ViT-B-16-quickgelu").visual.proj.shape
        torch.Size([768, 512])
    """
    brings_weights = "/" in model or Path(model).is_dir()
    if brings_weights and weights is not None:
        raise WeightsError(f"{model} brings its own weights: leave {weights} away")
    schema = "" if not brings_weights else "local-dir:" if Path(model).is_dir() else "hf-hub:"
    try:
        clip = open_clip.create_model(
            schema + model,
            weights,
            force_image_size=image_size,
            require_pretrained=brings_weights or weights is not None,
        )
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise WeightsError(
            f"CLIP {model} with weights {weights} cannot be built ({type(error).__name__}: "
            f"{reason}): give an architecture and a tag of open_clip, a weights file, or a folder "
            "with open_clip_config.json"
        ) from error
    if not isinstance(clip, CLIP):
        raise ValueError(f"{model} has another text encoder than CLIP's own: choose a ViT of CLIP")
    known, expected = len(clip.token_embedding.weight), SimpleTokenizer().vocab_size
    if known != expected:
        raise ValueError(
            f"the text encoder of {model} knows {known:,} tokens, CLIP's tokenizer writes "
            f"{expected:,}: names would become other words; choose a CLIP with OpenAI's tokenizer, "
            "such as ViT-B-16-quickgelu"
        )
    return clip


def small_clip(
    *,
    width: int = 192,
    num_layers: int = 6,
    patch_size: int = 16,
    image_size: int = 128,
    dim: int = 128,
    text_layers: int = 3,
    context_length: int = 32,
) -> CLIP:
    """Return a CLIP with random weights that a CPU can train; heads have 32 channels.

    Args:
        width: Of the image encoder, a multiple of 32.
        num_layers: Of the image encoder.
        patch_size: In pixels.
        image_size: Side of the square that the position grid belongs to, in pixels.
        dim: Of the common space, and width of the text encoder; a multiple of 32.
        text_layers: Of the text encoder.
        context_length: Longest text, in tokens.

    Raises:
        ValueError: If a width is no multiple of 32, or the image is smaller than a patch.
    """
    if width % 32 or dim % 32 or image_size < patch_size:
        raise ValueError(
            f"width {width} and dim {dim} must be multiples of 32, and image_size {image_size} at "
            f"least patch_size {patch_size}"
        )
    vision = CLIPVisionCfg(
        layers=num_layers,
        width=width,
        head_width=32,
        patch_size=patch_size,
        image_size=image_size,
    )
    text = CLIPTextCfg(
        context_length=context_length, width=dim, heads=dim // 32, layers=text_layers
    )
    return CLIP(dim, vision, text)
