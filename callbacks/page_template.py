"""A page that opens from disk: pictures inside, no script, nothing loaded."""

from base64 import b64encode
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def page_template(name: str) -> Template:
    """Return a template of this folder, with the filters ``png`` and ``jpeg`` for encoded files."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for kind in ("png", "jpeg"):
        environment.filters[kind] = partial(_uri, kind)
    return environment.get_template(name)


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
