"""The normal form of a stored notebook: nothing in it that a second run would change."""

import copy

from nbformat import NotebookNode, from_dict

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"}
NOTEBOOK_KEYS = ("companion", "mystnb")
CELL_KEYS = ("mystnb", "tags")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without time stamps, editor settings and the like; sources are kept as is.

    Cell ids stay; a cell without one gets one from its place.
    """
    result = copy.deepcopy(notebook)
    result.nbformat, result.nbformat_minor = 4, 5
    result.metadata = from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": LANGUAGE,
            **{key: result.metadata[key] for key in NOTEBOOK_KEYS if key in result.metadata},
        }
    )
    for place, cell in enumerate(result.cells):
        cell.metadata = from_dict(
            {key: cell.metadata[key] for key in CELL_KEYS if cell.metadata.get(key)}
        )
        cell.setdefault("id", f"cell-{place}")
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = normalise_outputs(cell.outputs)
    return result


def normalise_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return a cell's outputs with each stream in one piece, and no display settings.

    How a stream is cut into messages depends on timing, so its pieces are joined where its first
    piece stood.
    """
    result: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in copy.deepcopy(outputs):
        if output.output_type == "stream":
            if output.name in streams:
                streams[output.name].text += output.text
                continue
            streams[output.name] = output
        elif "data" in output:
            output.metadata = _sizes(output)
            for kind in output.data:
                if kind.startswith("image/") and isinstance(output.data[kind], str):
                    output.data[kind] = output.data[kind].strip()
        output.pop("transient", None)
        result.append(output)
    return result


def _sizes(output: NotebookNode) -> NotebookNode:
    """Keep the width and height at which a high-resolution picture is to be shown."""
    sizes = {}
    for kind in output.data:
        given = output.metadata.get(kind, {})
        shown = {key: given[key] for key in ("height", "width") if key in given}
        if shown:
            sizes[kind] = shown
    return from_dict(sizes)
