"""
Computes logits and features of a clip.

    python -m tests.reference.run MODEL.pth|MODEL.gguf FRAMES.npy [-o PREFIX] [options]

FRAMES.npy holds bytes [n][H][W][3]. With -o, writes PREFIX.logits.npy (where there is a head),
PREFIX.spatial.npy and, of DualPath, PREFIX.temporal.npy. The options of a checkpoint are those of
the converter; a weight file needs none.
"""

import argparse

import numpy as np
import torch

from . import checkpoint, gguf_model
from .network import network, output_names
from .options import add_options, overrides
from .video import load_views


def load_model(path, dtype=torch.float32, **known):
    """A network ready to answer, from a checkpoint or a weight file."""
    if path.endswith(".gguf"):
        config, state = gguf_model.load(path)
    else:
        config, state = checkpoint.load(path, **known)
    model = network(config)
    model.load_state_dict(state)
    return model.to(dtype).eval()


@torch.inference_mode()
def classify(model, frames, **sampling):
    """float32 vectors by the names of network.output_names(), the means over views and crops. There
    are no logits without a head."""
    dtype = model.visual.class_embedding.dtype
    views = load_views(frames, model.config, **sampling)
    answers = [model(view[None].to(dtype)) for view in views]
    outputs = dict(zip(output_names(model.config), zip(*answers)))
    means = {name: torch.cat(v).mean(dim=0) for name, v in outputs.items() if v[0] is not None}
    if model.config.protocol.average == "probabilities" and len(answers) > 1 and "logits" in means:
        means["logits"] = mean_of_probabilities(torch.cat(outputs["logits"]))
    return {name: values.float().numpy() for name, values in means.items()}


def mean_of_probabilities(logits):
    """Logits [views][C] -> logits [C] whose softmax is the mean of theirs"""
    return logits.softmax(dim=-1).mean(dim=0).log()


def save_answer(prefix, answer):
    for name, values in answer.items():
        np.save(f"{prefix}.{name}.npy", values)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("frames")
    parser.add_argument("-o", "--output", metavar="PREFIX")
    parser.add_argument("--sampling", default="given", help="given, center, first, ... or model")
    parser.add_argument("--rate", type=int, help="take every RATE-th frame (default: the model's)")
    parser.add_argument("--views", type=int, default=1, help="0: the model's")
    parser.add_argument("--crops", type=int, default=1, help="0: the model's")
    add_options(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    model = load_model(arguments.model, **overrides(arguments))
    answer = classify(
        model,
        np.load(arguments.frames),
        policy=arguments.sampling,
        rate=arguments.rate,
        views=arguments.views,
        crops=arguments.crops,
    )
    for name, values in answer.items():
        print(name, np.array2string(values, precision=6, threshold=20))
    if arguments.output:
        save_answer(arguments.output, answer)


if __name__ == "__main__":
    main()
