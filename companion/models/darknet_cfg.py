"""Darknet's cfg files: sections of options that describe a network layer by layer.

The format is that of Redmon's Darknet (https://github.com/pjreddie/darknet) and of its successor by
Bochkovskiy (Bochkovskiy, Wang and Liao, 2020, arXiv:2004.10934). Options of training are passed
over; an option that would change what a network computes and is not known here is an error, never
ignored.
"""

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

Value = TypeVar("Value")

USED: dict[str, tuple[str, ...]] = {
    "net": ("width", "height", "channels"),
    "convolutional": ("batch_normalize", "filters", "size", "stride", "pad", "activation"),
    "maxpool": ("size", "stride"),
    "route": ("layers", "groups", "group_id"),
    "upsample": ("stride",),
    "yolo": ("mask", "anchors", "classes", "num", "scale_x_y"),
}
"""The kinds of section, and the options of each that decide what the network computes."""

_TRAINING: dict[str, tuple[str, ...]] = {
    "net": (
        "batch", "subdivisions", "momentum", "decay", "angle", "saturation", "exposure", "hue",
        "learning_rate", "burn_in", "max_batches", "policy", "steps", "scales", "mosaic",
    ),
    "yolo": (
        "jitter", "cls_normalizer", "iou_normalizer", "iou_loss", "ignore_thresh", "truth_thresh",
        "iou_thresh", "random", "resize", "nms_kind", "beta_nms", "max_delta",
    ),
}  # fmt: skip

_HEADER = re.compile(r"\[(\w+)\]")


@dataclass(frozen=True)
class Section:
    """One section of a cfg file.

    Attributes:
        kind: what stands in its brackets, such as "convolutional".
        line: line of its brackets, from 1.
        options: name to value, as written; numbers are read by `get` and `numbers`.
    """

    kind: str
    line: int
    options: dict[str, str] = field(default_factory=dict)

    @overload
    def get(self, name: str, default: int | None = None) -> int: ...

    @overload
    def get(self, name: str, default: Value | None = None, *, kind: type[Value]) -> Value: ...

    def get(self, name: str, default: Any = None, kind: type = int) -> Any:
        """One option, as a whole number or another kind.

        Raises:
            ValueError: the option is missing and has no default, or is not of that kind.
        """
        text = self.options.get(name)
        if text is None:
            if default is None:
                raise ValueError(f"{self}: needs the option {name}=...")
            return default
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{self}: {name}={text} is no {_NAMES[kind]}") from None

    @overload
    def numbers(self, name: str) -> list[int]: ...

    @overload
    def numbers(self, name: str, kind: type[Value]) -> list[Value]: ...

    def numbers(self, name: str, kind: type = int) -> list[Any]:
        """An option that lists numbers, separated by commas.

        Raises:
            ValueError: it is missing, empty, or holds something that is no number.
        """
        parts = [part.strip() for part in self.get(name, kind=str).split(",")]
        try:
            return [kind(part) for part in parts]
        except ValueError:
            raise ValueError(
                f"{self}: {name}={self.options[name]} is no list of numbers with commas"
            ) from None

    def __str__(self) -> str:
        return f"line {self.line}, [{self.kind}]"


_NAMES = {int: "whole number", float: "number", str: "text"}


def parse_cfg(text: str) -> list[Section]:
    r"""Read the text of a cfg file.

    Args:
        text: the file's content; "#" and ";" begin comments.

    Returns:
        Its sections: [net] first, then one per layer.

    Raises:
        ValueError: no section, the first is not [net], a line that is neither a section, an option
            nor a comment, a kind of layer or an option that is not known, or one given twice.

    Example:
        >>> [section.kind for section in parse_cfg("[net]\nwidth=32\n[maxpool]\nsize=2")]
        ['net', 'maxpool']
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.split("[#;]", raw, maxsplit=1)[0].strip()
        if not line:
            continue
        if header := _HEADER.fullmatch(line):
            sections.append(Section(header[1], number))
            _check_kind(sections)
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (name and equals and value):
            raise ValueError(f"line {number}: {raw!r} is neither [section] nor option=value")
        if not sections:
            raise ValueError(f"line {number}: an option before the first section, [net]")
        _check_option(sections[-1], name, number)
        sections[-1].options[name] = value
    if len(sections) < 2:
        raise ValueError(f"a cfg needs [net] and at least one layer, got {len(sections)} sections")
    return sections


def _check_kind(sections: list[Section]) -> None:
    last = sections[-1]
    if (last.kind == "net") != (len(sections) == 1):
        raise ValueError(f"{last}: the first section, and no other, must be [net]")
    if last.kind not in USED:
        raise ValueError(
            f"{last}: this kind of layer is not known here; known are: {', '.join(list(USED)[1:])}"
        )


def _check_option(section: Section, name: str, number: int) -> None:
    if name in section.options:
        raise ValueError(f"line {number}: {name} stands twice in [{section.kind}]")
    if name not in USED[section.kind] + _TRAINING.get(section.kind, ()):
        raise ValueError(
            f"line {number}: [{section.kind}] with {name}=... is not known here, and leaving it "
            f"out could change the result; known are: {', '.join(USED[section.kind])}"
        )
