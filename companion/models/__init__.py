"""Networks, each built by its plain name: `models.lenet(classes=10)`.

Every network takes float32 images, N x C x H x W in [0, 1], and gives logits, N x classes;
`unet` gives logits of each pixel and `MobileNetFeatures` features, and both take uint8 as well. The
files state how many weights each has; `count_weights` counts them.
"""

from companion.models.cost import count_operations, count_weights
from companion.models.lenet import lenet
from companion.models.mlp import mlp
from companion.models.mobilenet import MobileNetFeatures, mobilenet_classifier
from companion.models.resnet import resnet
from companion.models.rnn import rnn
from companion.models.unet import UNet, unet

__all__ = [
    "MobileNetFeatures",
    "UNet",
    "count_operations",
    "count_weights",
    "lenet",
    "mlp",
    "mobilenet_classifier",
    "resnet",
    "rnn",
    "unet",
]
