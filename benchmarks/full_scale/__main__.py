"""Everything that needs the public sets: `python -m benchmarks.full_scale [NAME ...]`.

Each script's scores are kept as soon as it is done, in `results.json`, and shown in `results.md`. A
set that is not there is named, with where to get it, and the others are measured all the same.
"""

import importlib
import sys
import time
from collections.abc import Sequence

from benchmarks.full_scale.measured import TABLE, keep

SCRIPTS = ("penn_fudan", "gtsrb", "neu_det", "pneumonia", "city_video", "chase", "fashion_mnist")


def main(names: Sequence[str]) -> int:
    unknown = sorted(set(names) - set(SCRIPTS))
    if unknown:
        print(
            f"no script is called {unknown[0]!r}; there are: {', '.join(SCRIPTS)}", file=sys.stderr
        )
        return 2
    missing = 0
    for name in names or SCRIPTS:
        start = time.perf_counter()
        print(f"== {name}", flush=True)
        try:
            for row in importlib.import_module(f"benchmarks.full_scale.{name}").measure():
                keep([row])
        except FileNotFoundError as error:
            missing += 1
            print(f"not measured: {error}", file=sys.stderr)
        print(f"   {time.perf_counter() - start:.0f} s", flush=True)
    print(f"\n{TABLE.read_text(encoding='utf-8') if TABLE.is_file() else ''}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
