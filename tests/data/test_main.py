import subprocess
import sys
from pathlib import Path

import pytest

import companion
from companion.data import carriers
from companion.data.__main__ import main

ROOT = Path(companion.__file__).parent.parent


def test_list_is_the_default_and_shows_every_set(capsys):
    assert main([]) == 0
    default = capsys.readouterr().out
    assert main(["list"]) == 0
    assert capsys.readouterr().out == default
    for carrier in carriers.CARRIERS.values():
        for part in (carrier.name, carrier.what, carrier.project, carrier.version, carrier.licence):
            assert part in default
    assert str(carriers.data_home()) in default
    assert max(map(len, default.splitlines())) <= 100


def test_life_of_a_set(shop, capsys):
    assert main(["list"]) == 0
    assert "not installed" in capsys.readouterr().out
    assert main(["path", "tiny"]) == 1
    assert "python -m companion.data install tiny" in capsys.readouterr().err
    assert main(["verify"]) == 1
    assert "tiny: not installed\ntiny: cure: python -m companion.data install tiny\n" in (
        capsys.readouterr().out
    )

    assert main(["install", "tiny", "tiny"]) == 0
    assert capsys.readouterr().out.count("installed in") == 1
    assert main(["path", "tiny"]) == 0
    assert capsys.readouterr().out == f"{shop.folder}\n"
    assert main(["verify", "tiny"]) == 0
    assert "every file is as published" in capsys.readouterr().out

    (shop.folder / "tinyset/run.sh").unlink()
    assert main(["verify"]) == 1
    out = capsys.readouterr().out
    assert "tiny: tinyset/run.sh: is missing" in out
    assert "cure: python -m companion.data install --force tiny" in out
    assert main(["install", "--force", "tiny"]) == 0
    assert main(["verify"]) == 0
    capsys.readouterr()
    assert main(["install", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["install", "path", "verify"])
def test_unknown_set_changes_nothing(shop, capsys, command):
    names = ["tinny"] if command == "path" else ["tiny", "tinny"]
    with pytest.raises(SystemExit) as caught:
        main([command, *names])
    assert caught.value.code == 2
    assert "no set is called 'tinny'; there are: tiny" in capsys.readouterr().err
    assert not shop.home.exists()


def test_failed_install_is_one_line_and_exit_code_1(shop, capsys, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop.home / "nowhere"))
    assert main(["install"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: tiny: pip found no such package")


def test_nothing_to_install_costs_no_heavy_import():
    code = (
        "import sys; from companion.data.__main__ import main; code = main(['install']); "
        "heavy = {'torch', 'numpy', 'PIL', 'pip', 'tqdm', 'filelock'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already installed") == len(carriers.CARRIERS)
