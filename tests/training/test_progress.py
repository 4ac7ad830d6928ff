"""A bar on terminals and in notebooks that people use, and nowhere else."""

import io
import queue

import pytest
from jupyter_client.manager import start_new_kernel

from companion.training.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_draws_on_a_terminal_and_wipes_itself_away(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress_bar(10, done=4) as bar:
        for _ in range(6):
            bar.update()
    drawn = terminal.getvalue()
    assert "4/10" in drawn
    assert drawn.rstrip(" ").endswith("\r")  # the line is empty at the end


@pytest.mark.parametrize(("terminal", "visible"), [(False, True), (True, False)])
def test_draws_nothing_into_a_file_or_where_it_is_not_wanted(monkeypatch, terminal, visible):
    output = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    with progress_bar(10, visible=visible) as bar:
        bar.update(10)
    assert output.getvalue() == ""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(startup_timeout=120)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(client, **metadata):
    """What a cell prints whose request has this metadata."""
    code = (
        "from companion.training.progress import progress_bar\n"
        "with progress_bar(3) as bar: bar.update(3)\n"
        "print('done')"
    )
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    request = client.session.msg("execute_request", content, metadata=metadata)
    client.shell_channel.send(request)
    streams = []
    while True:
        try:
            message = client.get_iopub_msg(timeout=120)
        except queue.Empty:
            pytest.fail("the kernel gave no answer")
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        assert message["msg_type"] != "error", message["content"]
        if message["msg_type"] == "stream":
            streams.append(message["content"]["text"])
        if message["content"].get("execution_state") == "idle":
            return "".join(streams)


def test_draws_in_a_notebook_that_somebody_uses_and_not_in_an_executed_one(kernel):
    assert printed(kernel) == "done\n"  # as nbclient and nbval ask
    assert "0/3" in printed(kernel, cellId="1f", deletedCells=[])  # as JupyterLab asks
    assert printed(kernel) == "done\n"
