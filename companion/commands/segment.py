"""`segment`: outline the lungs in chest X-rays, by a U-Net that is trained here first."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.commands import pictures

if TYPE_CHECKING:
    import numpy as np
    import torch

    from companion.commands.pictures import Place


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    learn = verbs.add_parser(
        "learn", help="train the network on the book's 299 drawn pairs of lungs: a minute or two"
    )
    learn.add_argument("weights", type=Path, metavar="WEIGHTS", help="file to write, *.safetensors")
    learn.add_argument("--epochs", type=int, default=20)
    learn.add_argument("--seed", type=int, default=0)
    pictures.add_device(learn)

    lungs = verbs.add_parser("lungs", help="outline the lungs in X-rays")
    lungs.add_argument(
        "--weights", type=Path, required=True, help="a file that `segment learn` has written"
    )
    lungs.add_argument(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help=f"write masks here, white where lung is found; {pictures.NAMED}",
    )
    pictures.add_arguments(lungs, pictures="write the X-rays with the lungs tinted here")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    return _learn(options) if options.verb == "learn" else _lungs(options)


def _learn(options: argparse.Namespace) -> int:
    if options.epochs < 1:
        raise ValueError(f"--epochs is at least 1, got {options.epochs}")
    from companion.device import pick_device
    from companion.tasks import lungs
    from companion.training import save_weights

    device = pick_device(options.device)
    learnt = lungs.learn(epochs=options.epochs, seed=options.seed, device=device)
    save_weights(learnt.network, options.weights)
    print(
        json.dumps(
            {
                "weights": str(options.weights),
                "unseen": len(learnt.dice),
                "dice": round(learnt.dice.mean().item(), 4),
                "worst": round(learnt.dice.min().item(), 4),
            }
        )
    )
    return 0


def _lungs(options: argparse.Namespace) -> int:
    todo = pictures.places(options.paths)
    import torch

    from companion.device import pick_device
    from companion.tasks import lungs

    network = lungs.load(options.weights).to(pick_device(options.device))

    def job(picture: "np.ndarray", place: "Place") -> dict[str, Any]:
        mask = lungs.outline(network, torch.from_numpy(picture[..., 0]))
        if options.masks:
            pictures.save(mask.to(torch.uint8).mul(255).numpy(), options.masks, place)
        if options.pictures:
            pictures.save(_tinted(picture, mask), options.pictures, place)
        return {"lung": round(mask.float().mean().item(), 4)}

    return pictures.for_each(todo, job)


def _tinted(picture: "np.ndarray", mask: "torch.Tensor") -> "np.ndarray":
    import torch
    from torchvision.utils import draw_segmentation_masks

    image = torch.from_numpy(picture).permute(2, 0, 1)
    drawn = draw_segmentation_masks(image, mask, alpha=0.35, colors="#E04E0A")
    return drawn.permute(1, 2, 0).numpy()
