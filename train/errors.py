"""Mistakes of configuration, each as one line."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import dropwhile, zip_longest
from pathlib import Path

import yaml

from train.commands import WITHOUT_TRAINER

_TRACEBACK = "Traceback (most recent call last):\n"
_OF_WORKER = re.compile(rf"Caught \w+ .*\nOriginal {re.escape(_TRACEBACK)}")
_UNKNOWN = re.compile(r"key '([\w.]+)' is not known")
# of a part within a part, each of which may be left out, as the whole has them
_OF_UNION = ("Given value", "Does not validate against any of", "Subtypes:", "Errors:")
_CLASS = re.compile(r"^[\w.]+: ")  # before the message, in the last part of a traceback


def one_line(message: str, arguments: Sequence[str] = (), known: Sequence[str] = ()) -> str:
    """Return jsonargparse's message as one line that names key, value and file.

    Args:
        message: What the parser says, up to ten lines of tried types.
        arguments: The command line, searched for the configuration file that holds the key.
        known: Keys that could have been meant by one that is not known.

    Returns:
        One line without a final full stop.
    """
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    if any(line.startswith("Does not validate against any of") for line in lines):
        lines = _shortest_reason(lines)
    text = re.sub(r"<class '([\w.]+)'>", r"\1", " ".join(lines))
    text = re.sub(r"Expected an? (\w)", r"expected \1", text)
    text = re.sub(r'Parser key "([^"]+)":', r"key '\1':", text)
    text = re.sub(r"Option '([^']+)' is not accepted", r"key '\1' is not known here", text)
    text = re.sub(
        r"Subcommand '\w+' does not accept option '([^']+)'", r"key '\1' is not known", text
    )
    text = re.sub(r'expected "subcommand" to be one of \{(.*?)\}.*', _commands, text)
    text = re.sub(r"argument subcommand: invalid choice: (.*) \(choose from (.*)\)", _wrong, text)
    place, meant = _place(text, arguments), _meant(text, known)
    text = _with_path(text, arguments).replace(' in "<unicode string>"', "")
    return text.strip() + place + meant


def without_worker(message: str) -> str:
    """Return what an error said in the process where it was raised.

    Torch raises the error of a DataLoader worker anew, of the same class, with the worker's whole
    traceback as its message (`torch._utils.ExceptionWrapper`). Any other message comes back as it
    is.
    """
    if not _OF_WORKER.match(message):
        return message
    lines = message.rpartition(_TRACEBACK)[2].strip("\n").splitlines()
    own = list(dropwhile(lambda line: line[:1] in {" ", ""}, lines))  # the frames are indented
    return _CLASS.sub("", "\n".join(own))


def _shortest_reason(lines: list[str]) -> list[str]:
    """Keep key, the reasons that are not "it might have been null", and the value."""
    key = next((line for line in lines if line.startswith("Parser key")), "")
    reasons = [
        reason
        for line in lines[lines.index("Errors:") + 1 :]
        if not (reason := line.removeprefix("- ")).startswith(_OF_UNION) and "NoneType" not in line
    ]
    value = next((line for line in lines if line.startswith("Given value:")), "")
    if len(value) > 80 or "NestedArg" in value or "Namespace(" in value:
        value = ""  # a whole branch of the configuration says less than the reason
    reason = "; ".join(reason.rstrip(":;") for reason in dict.fromkeys(reasons))
    return [key, reason + ("." if value else ""), value.replace("Given value:", "Got")]


def _commands(found: re.Match[str]) -> str:
    names = [*found[1].split(","), *WITHOUT_TRAINER]
    return f"give a command first: {', '.join(names)}"


def _wrong(found: re.Match[str]) -> str:
    names = [*found[2].replace("'", "").split(", "), *WITHOUT_TRAINER]
    return f"{found[1]} is no command: give {', '.join(names[:-1])} or {names[-1]}"


def _meant(text: str, known: Sequence[str]) -> str:
    named = _UNKNOWN.search(text)
    close = get_close_matches(named[1], known, n=1) if named else []
    return f": did you mean {close[0]!r}?" if close else ""


def _with_path(text: str, arguments: Sequence[str]) -> str:
    """Name the flag where a class within a class has named its own key."""
    named = _UNKNOWN.search(text)
    flags = [argument.partition("=")[0][2:] for argument in arguments if argument[:2] == "--"]
    whole = [flag for flag in flags if named and flag.endswith(f".{named[1]}")]
    return text.replace(f"key '{named[1]}'", f"key '{whole[0]}'") if named and whole else text


def _place(text: str, arguments: Sequence[str]) -> str:
    """Return where the named key stands in the given configuration files, or nothing."""
    if "<unicode string>" in text:  # YAML's own errors know line and column but not the file
        return "".join(f" ({path})" for path in _configuration_files(arguments) if _is_broken(path))
    named = re.search(r"key '([\w.]+)'", text)
    if named is None:
        return ""
    leaf = named[1].rsplit(".", 1)[-1]
    if any(re.match(rf"--(.*\.)?{re.escape(leaf)}(=|$)", argument) for argument in arguments):
        return ""  # the flag is at fault, and before the user's eyes
    places = [
        f"{path}:{number}"
        for path in _configuration_files(arguments)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(rf"(^\s*|- |[{{,]\s*){re.escape(leaf)}\s*:", line)
    ]
    return f" ({places[0]})" if len(places) == 1 else ""


def _configuration_files(arguments: Sequence[str]) -> Iterable[Path]:
    for flag, value in zip_longest(arguments, arguments[1:], fillvalue=""):
        name = value if flag in {"-c", "--config"} else flag.partition("--config=")[2]
        if name and Path(name).is_file():
            yield Path(name)


def _is_broken(path: Path) -> bool:
    try:
        yaml.safe_load(path.read_text())
    except yaml.YAMLError:
        return True
    return False
