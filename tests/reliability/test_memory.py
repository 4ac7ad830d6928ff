"""Whoever works through a folder of 10,000 pictures needs no more memory at its end."""

import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")

# Runs alone, so that nothing else is counted; prints megabytes after 2,000 pictures and at the end.
WORK = """
import io
import numpy as np, torch
from PIL import Image
from companion.data.images import read_image
from companion.models import lenet
from companion.tasks import faces
from companion.tasks.detection import letterbox

def megabytes():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024

torch.set_num_threads(1)
rng, network = np.random.default_rng(0), lenet(3, 3).eval()
for number in range(10_000):
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (80, 60, 3), dtype=np.uint8)).save(stream, "BMP")
    picture = read_image(stream.getvalue())
    boxed, frame = letterbox(torch.from_numpy(picture).permute(2, 0, 1), (64, 64))
    with torch.inference_mode():
        network(boxed[None] / 255)
    if number % 4 == 0:
        faces.detect(picture, method="hog")
    if number == 2_000:
        print(megabytes())
print(megabytes())
"""


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell a process's memory")
def test_memory_stays_flat_over_ten_thousand_pictures():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    early, late = map(float, done.stdout.split())
    assert late - early <= 16
