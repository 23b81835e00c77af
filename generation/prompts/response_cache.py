"""Answers of language models on disk: asked once, the same for every process and every run."""

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from datamodules.atomic import TEMPORARY, write_atomically
from datamodules.json_value import Json, canonical

_FORMAT = 1  # raise it when entries change their meaning: old ones are then not found any more


class ResponseCache:
    """Keeps one text for each request, in a file named by the hash of the request.

    A file is complete or not there, and the first one stays: of processes that ask the same at
    once, all go on with the text of the first. A file that cannot be read as an entry is as good
    as none. The disk must know hard links, as local disks and NFS do.

    Args:
        folder: Made where missing; may be copied to another machine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, request: Json) -> str | None:
        """Return the text that is kept for a request; None where there is none.

        Raises:
            OSError: If the file is there and cannot be read.
        """
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            entry = json.loads(self._path(request).read_bytes())
            if entry["request"] == request and isinstance(entry["text"], str):
                return entry["text"]
        return None

    def keep(self, request: Json, text: str) -> str:
        """Keep the text of a request, unless one is kept already; return the one that is kept.

        Args:
            request: All that the text depends on: model, revision, words, parameters, seed.
            text: What to keep.

        Raises:
            OSError: If the folder cannot be written.
        """
        path = self._path(request)
        data = json.dumps({"request": request, "text": text}, ensure_ascii=False, indent=1).encode()
        written = path.with_name(f"{uuid4().hex}{TEMPORARY}")
        write_atomically(written, data)
        try:
            os.link(written, path)  # a rename would put the later text over the earlier
        except FileExistsError:
            kept = self.get(request)
            if kept is not None:
                return kept
            written.replace(path)  # what stands there is broken
        finally:
            written.unlink(missing_ok=True)
        return text

    def _path(self, request: Json) -> Path:
        name = sha256(f"{_FORMAT} {canonical(request)}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json"
