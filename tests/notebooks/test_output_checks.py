"""Every check of the stored outputs lets what is sound pass and catches its planted fault."""

import base64
import copy
import io

import pytest
from nbformat import from_dict
from nbformat.v4 import new_markdown_cell, new_output
from nbtools import checks, output_checks
from PIL import Image
from planted import Faults

PROSE, TABLE, CURVE = 3, 4, 6

fault = Faults()


def printed(nb, text, name="stdout"):
    nb.cells[TABLE].outputs.append(new_output("stream", name=name, text=text))


def shown(nb, **data):
    nb.cells[TABLE].outputs.append(
        new_output("display_data", {key.replace("_", "/"): value for key, value in data.items()})
    )


@fault("stores an error: ValueError: no")
def a_stored_error(nb):
    nb.cells[TABLE].outputs.append(new_output("error", ename="ValueError", evalue="no"))


@fault("stores a message on stderr: UserWarning: old")
def a_stored_warning(nb):
    printed(nb, "UserWarning: old\n", "stderr")


@fault("overwrites itself")
def a_progress_bar(nb):
    printed(nb, "50%\r100%\n")


@fault("stores ['application/vnd.jupyter.widget-view+json']")
def a_widget(nb):
    shown(nb, **{"application/vnd.jupyter.widget-view+json": {}})


@fault("stores ['image/svg+xml']")
def a_drawing_with_a_date(nb):
    shown(nb, **{"image/svg+xml": "<svg/>"})


@fault("cannot be read")
def a_broken_picture(nb):
    data = nb.cells[CURVE].outputs[0].data
    data["image/png"] = data["image/png"][:200]


@fault("cannot be read")
def half_a_picture(nb):
    data = nb.cells[CURVE].outputs[0].data
    data["image/png"] = data["image/png"][: len(data["image/png"]) // 8 * 4]


@fault("prints a figure as text")
def a_figure_as_text(nb):
    shown(nb, text_plain="Figure(600x400)")


@fault("prints 16 lines, at most 15")
def many_lines(nb):
    printed(nb, "a line\n" * 12)


@fault("prints 24 lines, at most 15")
def a_long_table(nb):
    shown(nb, text_plain="a table", text_html="<table>" + "<tr><td>1</td></tr>" * 20 + "</table>")


@fault("an absolute path: '/home/me/data.csv'")
def a_path(nb):
    printed(nb, "read /home/me/data.csv\n")


@fault("an absolute path: 'C:\\\\Users'")
def a_path_on_windows(nb):
    printed(nb, "read C:\\Users now\n")


@fault("an object's address: '0x7f3c2a9b1d30'")
def an_address(nb):
    shown(nb, text_plain="<DataLoader at 0x7f3c2a9b1d30>")


@fault("a date or time of day: '2025-03-01'")
def a_date(nb):
    printed(nb, "made on 2025-03-01\n")


@fault("a timing: '3.2 s'")
def a_timing(nb):
    printed(nb, "took 3.2 s for all\n")


@fault("a timing: '15ms'")
def a_timing_in_a_table(nb):
    shown(nb, text_html="<table><tr><td>15ms</td></tr></table>")


@fault("was not printed by claim()")
def a_claim_by_hand(nb):
    printed(nb, "claim: accuracy 0.95\n")


@fault("stores a claim that does not hold: mean of noise: 0.210, at least 0.4")
def a_claim_that_was_edited(nb):
    output = nb.cells[TABLE].outputs[0]
    line = output.text.splitlines()[-1]
    label, _, bound = line.split("|")
    output.text = output.text.replace(line, f"{label}|{'0.210':>23} |{bound}")


def set_claim(nb, line):
    nb.cells[TABLE].outputs[0].text = line


@fault("quotes 0.948, which is measured (accuracy)")
def a_measured_number_in_prose(nb):
    set_claim(nb, f"claim: {'accuracy':<50} | {'0.948':>22} | at least 0.9\n")
    nb.cells[PROSE].source += " It reached .948 on our machine."


@fault("quotes 0.948, which is measured (accuracy)")
def a_measured_number_as_per_cent(nb):
    set_claim(nb, f"claim: {'accuracy':<50} | {'0.948':>22} | at least 0.9\n")
    nb.cells[PROSE].source += " It reached 94.8 % on our machine."


@fault("the caption of cell 7")
def a_measured_number_in_a_caption(nb):
    set_claim(nb, f"claim: {'time':<50} | {'12.34 s':>22} | at most 20 s\n")
    nb.cells[CURVE].metadata.mystnb.figure.caption = "Loss after 12.34 seconds."


@pytest.mark.parametrize("name", list(fault))
def test_a_planted_fault_is_caught(name, problems_of):
    fault.caught(name, problems_of)


def test_every_check_catches_a_planted_fault_on_its_own(problems_of, monkeypatch):
    fault.each_catches_one(output_checks.CHECKS, checks, problems_of, monkeypatch)


def test_what_is_allowed_is_not_called_a_fault(sound, store):
    good = copy.deepcopy(sound)
    good.cells.append(new_markdown_cell("The bound .9 may be quoted, and 173, and 1 too."))
    good.cells[TABLE].outputs[0].text = (
        f"claim: {'accuracy':<50} | {'0.900':>22} | at least 0.9\n"
        f"claim: {'found':<50} | {'173 portraits':>22} | equals 173 portraits\n"
        f"claim: {'time':<50} | {'3.2 s':>22} | at most 90 s\n"
        f"claim: {'hits':<50} | {'1.000':>22} | at least 0.95\n"
        f"claim: {'set':<50} | {'xrays':>22} | equals xrays\n"
        "shape (3, 224, 224), ratio 3/4, 12 images, min 0.5, a/b/tmp\n"
    )
    assert checks.problems(store(good)) == []


def test_jpeg_is_allowed(sound, store):
    good = copy.deepcopy(sound)
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "jpeg")
    jpeg = base64.b64encode(file.getvalue()).decode()
    good.cells[CURVE].outputs[0].data = from_dict({"image/jpeg": jpeg})
    assert checks.problems(store(good)) == []
