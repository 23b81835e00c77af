"""ZegCLIP's forward pass in plain products, from its published keys, and weights to run it with.

Derived anew from the description of the network, so that ours can be compared with it: attention
head by head, one sum a step, what is dead included.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, DIM, HEADS, DECODER_HEADS, GRID, PATCH = 32, 32, 1, 4, 4, 8
BLOCK = {
    "attn.in_proj_weight": (3 * WIDTH, WIDTH),
    "attn.in_proj_bias": (3 * WIDTH,),
    "attn.out_proj.weight": (WIDTH, WIDTH),
    "attn.out_proj.bias": (WIDTH,),
    "ln_1.weight": (WIDTH,),
    "ln_1.bias": (WIDTH,),
    "ln_2.weight": (WIDTH,),
    "ln_2.bias": (WIDTH,),
    "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
    "mlp.c_fc.bias": (4 * WIDTH,),
    "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
    "mlp.c_proj.bias": (WIDTH,),
}
NORM = {"weight": (DIM,), "bias": (DIM,)}
LINEAR = {"weight": (DIM, DIM), "bias": (DIM,)}
DECODER_LAYER = {
    "self_attn.in_proj_weight": (3 * DIM, DIM),
    "self_attn.in_proj_bias": (3 * DIM,),
    **{f"self_attn.out_proj.{k}": v for k, v in LINEAR.items()},
    **{f"multihead_attn.{p}.{k}": v for p in ("q", "k", "v", "proj") for k, v in LINEAR.items()},
    "linear1.weight": (4 * DIM, DIM),
    "linear1.bias": (4 * DIM,),
    "linear2.weight": (DIM, 4 * DIM),
    "linear2.bias": (DIM,),
    **{f"norm{n}.{k}": v for n in (1, 2, 3) for k, v in NORM.items()},
}


def published_shapes(
    *, num_blocks: int, num_text_blocks: int, num_prompts: int = 2, num_texts: int = 49408
) -> dict[str, tuple[int, ...]]:
    """Key and shape of everything that a checkpoint of ZegCLIP holds, at small sizes."""
    shapes: dict[str, tuple[int, ...]] = {
        "backbone.class_embedding": (WIDTH,),
        "backbone.positional_embedding": (GRID**2 + 1, WIDTH),
        "backbone.proj": (WIDTH, DIM),
        "backbone.conv1.weight": (WIDTH, 3, PATCH, PATCH),
        "backbone.prompt_embeddings": (1, num_prompts, WIDTH),
        "backbone.deep_prompt_embeddings": (num_blocks - 1, num_prompts, WIDTH),
        "text_encoder.positional_embedding": (16, DIM),
        "text_encoder.text_projection": (DIM, DIM),
        "text_encoder.token_embedding.weight": (num_texts, DIM),
        "decode_head.q_proj.weight": (DIM, 2 * DIM),
        "decode_head.q_proj.bias": (DIM,),
        "decode_head.loss_decode.criterion.empty_weight": (21,),
    }
    for name in ("backbone.ln_pre", "backbone.ln_post", "backbone.prompt_norm"):
        shapes |= {f"{name}.{key}": shape for key, shape in NORM.items()}
    shapes |= {f"text_encoder.ln_final.{key}": shape for key, shape in NORM.items()}
    shapes |= {f"backbone.prompt_proj.{key}": shape for key, shape in LINEAR.items()}
    for tower, number in (("backbone", num_blocks), ("text_encoder", num_text_blocks)):
        for k in range(number):
            start = f"{tower}.transformer.resblocks.{k}"
            shapes |= {f"{start}.{key}": shape for key, shape in BLOCK.items()}
    for k in range(3):
        start = f"decode_head.decoder_1.layers.{k}"
        shapes |= {f"{start}.{key}": shape for key, shape in DECODER_LAYER.items()}
    return shapes


def published_state(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the published keys; norms near 1, so that nothing vanishes."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in published_shapes(num_blocks=3, num_text_blocks=1).items():
        x = 0.2 * torch.randn(shape, generator=random)
        is_gain = (".ln_" in key or "norm" in key) and key.endswith(".weight")
        state[key] = x + 1 if is_gain else x
    return state


def zegclip_logits(state: dict[str, Tensor], image: Tensor, text: Tensor) -> Tensor:
    """Mask logits at the patches, ``(B, C, h, w)``.

    Args:
        state: Published keys.
        image: ``(B, 3, H, W)`` float, normalised.
        text: ``(C, D)`` unit vectors.
    """
    backbone = {k.removeprefix("backbone."): v for k, v in state.items()}
    patches = F.conv2d(image, backbone["conv1.weight"], stride=PATCH)
    h, w = patches.shape[2:]
    positions = backbone["positional_embedding"]
    grid = positions[1:].reshape(1, GRID, GRID, WIDTH).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (h, w), mode="bilinear", align_corners=False)
    spatial = torch.einsum("bchw->bhwc", patches + grid).reshape(len(image), h * w, WIDTH)
    token = 2 * backbone["class_embedding"] + positions[0]
    x = torch.cat((token.expand(len(image), 1, WIDTH), spatial), 1)
    x = norm(x, backbone, "ln_pre")
    prompts = [backbone["prompt_embeddings"][0], *backbone["deep_prompt_embeddings"]]
    for k, prompt in enumerate(prompts):
        shown = linear(prompt, backbone, "prompt_proj").expand(len(image), -1, -1)
        x = torch.cat((x[:, :1], shown, x[:, -h * w :]), 1)
        x = block(x, backbone, f"transformer.resblocks.{k}")
    x = norm(x, backbone, "prompt_norm", eps=1e-6)
    x = torch.einsum("bnw,wd->bnd", norm(x, backbone, "ln_post"), backbone["proj"])
    x = x / x.pow(2).sum(-1, keepdim=True).sqrt()
    return decode(state, x[:, 0], x[:, -h * w :], text).reshape(len(image), len(text), h, w)


def decode(state: dict[str, Tensor], cls: Tensor, patches: Tensor, text: Tensor) -> Tensor:
    product = torch.einsum("bd,cd->bcd", cls, text)
    both = torch.cat((product, text.expand_as(product)), -1)
    queries = linear(both, state, "decode_head.q_proj")
    logits = queries.new_empty(0)
    for k in range(3):
        start = f"decode_head.decoder_1.layers.{k}"
        q, key, value = (
            linear(x, state, f"{start}.multihead_attn.{name}")
            for x, name in ((queries, "q"), (patches, "k"), (patches, "v"))
        )
        of_heads, seen = [], []
        size = DIM // DECODER_HEADS
        for head in range(DECODER_HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = torch.einsum("bcd,bnd->bcn", q[..., part], key[..., part]) / size**0.5
            of_heads.append(scores)
            seen.append(torch.einsum("bcn,bnd->bcd", scores.softmax(-1), value[..., part]))
        logits = torch.stack(of_heads).mean(0)
        out = linear(torch.cat(seen, -1), state, f"{start}.multihead_attn.proj")
        queries = norm(queries + out, state, f"{start}.norm2")
        hidden = linear(queries, state, f"{start}.linear1").clamp_min(0)
        queries = norm(queries + linear(hidden, state, f"{start}.linear2"), state, f"{start}.norm3")
    return logits


def block(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    seen = norm(x, state, f"{name}.ln_1")
    weight, bias = (state[f"{name}.attn.in_proj_{part}"].chunk(3) for part in ("weight", "bias"))
    q, k, v = (torch.einsum("bnw,vw->bnv", seen, a) + b for a, b in zip(weight, bias, strict=True))
    scores = torch.einsum("bnw,bmw->bnm", q, k) / (WIDTH // HEADS) ** 0.5
    x = x + linear(scores.softmax(-1) @ v, state, f"{name}.attn.out_proj")
    hidden = linear(norm(x, state, f"{name}.ln_2"), state, f"{name}.mlp.c_fc")
    return x + linear(hidden * torch.sigmoid(1.702 * hidden), state, f"{name}.mlp.c_proj")


def linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return torch.einsum("...i,oi->...o", x, state[f"{name}.weight"]) + state[f"{name}.bias"]


def norm(x: Tensor, state: dict[str, Tensor], name: str, eps: float = 1e-5) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return centred / scale * state[f"{name}.weight"] + state[f"{name}.bias"]
