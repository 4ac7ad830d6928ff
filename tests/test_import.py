import json
import subprocess
import sys
import tomllib
from pathlib import Path

import companion

ROOT = Path(companion.__file__).parent.parent

# Runs in a fresh interpreter: imports every module and reports what that did.
IMPORT_ALL = """
import importlib, json, pkgutil, random, sys
import matplotlib, numpy, sklearn.datasets, torch  # scikit-learn draws from `random` when imported
before = random.getstate(), repr(numpy.random.get_state()), torch.get_rng_state().tolist()
backend, threads = matplotlib.rcParams._get("backend"), torch.get_num_threads()
done = []
def watch(event, args):
    if event in ("socket.connect", "subprocess.Popen"):
        done.append(f"{event} {args[:2]}")
    if event == "open" and str(args[0]).startswith(sys.argv[1]):
        done.append(f"open {args[0]}")
sys.addaudithook(watch)
import companion
names = [m.name for m in pkgutil.walk_packages(companion.__path__, "companion.")
         if not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
if before != (random.getstate(), repr(numpy.random.get_state()), torch.get_rng_state().tolist()):
    done.append("the state of a global random generator changed")
if (backend, threads) != (matplotlib.rcParams._get("backend"), torch.get_num_threads()):
    done.append("the drawing backend or the number of threads changed")
print(json.dumps([names, done]))
"""


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_version_is_the_one_that_is_published():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert companion.__version__ == project["version"]


def test_importing_the_package_loads_no_library():
    heavy = "{'torch', 'numpy', 'PIL', 'matplotlib', 'dlib', 'platformdirs'}"
    code = "import sys, companion, companion.data, companion.data.carriers, companion.claims; "
    assert python(code + f"print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_importing_any_module_does_nothing():
    from companion.data import carriers

    names, done = json.loads(python(IMPORT_ALL, str(carriers.data_home())))
    assert {"companion.device", "companion.data.carriers", "companion.data.faces"} <= set(names)
    assert done == []
