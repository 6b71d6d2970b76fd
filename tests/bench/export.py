"""
Makes the files of a case, each kind in a folder of its own that appears when it is complete.

    python -m tests.bench.export model|onnx|onnx-int8|openvino-int8 FOLDER PRESET SEED
"""

import argparse
import shutil
from pathlib import Path

from tests.reference.presets import PRESETS

from .case import Case

CALIBRATION_CLIPS = 4


def make_model(case, seed, folder):
    """A checkpoint with random weights, the library's file of it, a random clip, the answer of the
    reference as it stands."""
    import numpy as np

    from tests.reference import checkpoint
    from tests.reference.convert import convert
    from tests.reference.options import command_line
    from tests.reference.random_weights import random_frames, random_state
    from tests.reference.run import classify, load_model

    from .network import peer_inputs

    config = PRESETS[case.preset]
    checkpoint.save(folder / "model.pth", config, random_state(config, seed))
    pth = folder / "model.pth"
    convert(pth, folder / "model.gguf", command_line(config, pth))
    frames = random_frames(config.frames, config.image_size, config.image_size, seed)
    inputs = peer_inputs(frames, config)
    reference = load_model(str(folder / "model.pth"), **vars(config))
    np.save(folder / "frames.npy", frames)
    np.savez(folder / "inputs.npz", **{name: tensor.numpy() for name, tensor in inputs.items()})
    np.save(folder / "logits.npy", classify(reference, frames)["logits"])


def make_onnx(case, _seed, folder):
    """ONNX, static shapes. PyTorch's two exporters were tried, with operator sets 17 to 23 and with
    attention as formulas and as one function: ONNX Runtime takes 0.99 (2 threads) and 1.00 (1
    thread) of the TorchScript exporter's time for this one, and nothing else differs by more than
    2 %, nor does onnxruntime.transformers.optimizer help; OpenVINO is 1 to 2 % faster with the
    formulas. Weights that both paths share are left with a transposition by the exporter; folded
    here, because quantisers only take weights that are constants."""
    import torch
    from onnxscript.optimizer import fold_constants

    from .network import as_tensors, load_network

    network = load_network(case)
    program = torch.onnx.export(
        network,
        as_tensors(case),
        input_names=network.inputs,
        output_names=["logits"],
        opset_version=20,
        dynamo=True,
        verbose=False,
    )
    unlimited = 1 << 62
    fold_constants(program.model, input_size_limit=unlimited, output_size_limit=unlimited)
    program.save(folder / "model.onnx", external_data=True)


def make_onnx_int8(case, _seed, folder):
    """Signed weights a channel, activations as they come: with unsigned weights ONNX Runtime is
    2.8 times slower. The patch embedding stays f32, where it is faster."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        case.onnx,
        folder / "model.onnx",
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=False,
        use_external_data_format=True,
    )


def make_openvino_int8(case, seed, folder):
    """Weights and activations, with NNCF's settings for transformers but for the smoothing of
    activations, which costs 3 % of the time and makes random weights no more exact."""
    import nncf
    import openvino

    from tests.reference.random_weights import random_frames

    from .network import peer_inputs

    def clip(number):
        shape = (config.frames, config.image_size, config.image_size)
        inputs = peer_inputs(random_frames(*shape, seed + number), config)
        return {index: tensor.numpy() for index, tensor in enumerate(inputs.values())}

    config = PRESETS[case.preset]
    clips = [clip(number) for number in range(1, 1 + CALIBRATION_CLIPS)]
    quantised = nncf.quantize(
        openvino.Core().read_model(case.onnx),
        nncf.Dataset(clips),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=CALIBRATION_CLIPS,
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=-1)
        ),
    )
    openvino.save_model(quantised, folder / "model.xml", compress_to_fp16=False)


MAKERS = {
    "model": make_model,
    "onnx": make_onnx,
    "onnx-int8": make_onnx_int8,
    "openvino-int8": make_openvino_int8,
}


def make(kind, case, seed):
    folder, partial = case.folder / kind, case.folder / f"{kind}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    MAKERS[kind](case, seed, partial)
    partial.rename(folder)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=MAKERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    make(arguments.kind, Case(arguments.folder, arguments.preset), arguments.seed)


if __name__ == "__main__":
    main()
