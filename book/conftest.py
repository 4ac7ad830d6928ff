"""`pytest --nbval book` executes every notebook and compares it with what it stores, strictly."""

from nbtools.strict import (  # noqa: F401
    pytest_collect_file,
    pytest_configure,
    pytest_terminal_summary,
)
