"""
Who takes part. A contender is a few words that travel to a process of its own (worker.py), where
open() makes a function that answers the clip of a case with logits. Each is set up for the least
time of one clip: one stream, as many threads as it is given, nothing beside it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Contender:
    family: str
    precision: str  # "f32", "bf16" or "int8"
    variant: str = ""
    needs: tuple = ()  # kinds of files, export.MAKERS, besides "model"

    environment = {}  # variables that its process starts with

    @property
    def name(self):
        return " ".join(filter(None, (self.family, self.precision, self.variant)))

    def open(self, case, threads):
        """(function that returns logits, what it says it uses)"""
        raise NotImplementedError


class Library(Contender):
    """This library, from the bytes of the frames: it also does what for the peers was done before,
    normalising and making framesets. The variant is the highest instruction set to use."""

    def open(self, case, threads):
        import dualpath

        model = dualpath.Model(case.weights, precision=self.precision, cpu=self.variant or None)
        session = dualpath.Session(model, threads=threads)
        frames = np.load(case.frames)

        def run():
            return session.classify(frames, sampling="given", views=1, crops=1).logits

        return run, model.info.kernels


class OnnxRuntime(Contender):
    def open(self, case, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads spin within a run, which is 1 % faster than if they sleep, and not after it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        path = case.onnx_int8 if self.precision == "int8" else case.onnx
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        inputs = case.tensors()

        def run():
            return session.run(["logits"], inputs)[0][0]

        return run, ""


class OpenVino(Contender):
    def open(self, case, threads):
        import openvino

        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if self.precision == "bf16" and not has_bf16:
            raise RuntimeError("OpenVINO has no bf16 on this processor")
        # What an int8 model does not quantise is bf16 by default where that is faster; so here.
        hint = "bf16" if has_bf16 and self.precision != "f32" else "f32"
        settings = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        path = case.openvino_int8 if self.precision == "int8" else case.onnx
        request = core.compile_model(path, "CPU", settings).create_infer_request()
        inputs = dict(enumerate(case.tensors().values()))

        def run():
            return request.infer(inputs)[0][0]

        return run, f"{hint} otherwise" if self.precision == "int8" else ""


class PyTorch(Contender):
    """Not compiled; with its own attention, which is 2 to 4 % faster than the formulas one by one.
    bf16 in two ways: as torch.autocast chooses, and all weights in bf16. It takes and frees memory
    all the time: it is 10 to 20 % faster where the C library keeps what is freed."""

    environment = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}

    def open(self, case, threads):
        import torch

        from .network import as_tensors, know_attention, load_network

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        network, inputs = know_attention(load_network(case)), as_tensors(case)
        autocast = self.variant == "autocast"
        if self.precision == "bf16" and not autocast:
            network = network.to(torch.bfloat16)
            inputs = tuple(tensor.to(torch.bfloat16) for tensor in inputs)

        @torch.inference_mode()
        def run():
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                return network(*inputs)[0].float().numpy()

        return run, ""


PEERS = (
    OnnxRuntime("ONNX Runtime", "f32", needs=("onnx",)),
    OpenVino("OpenVINO", "f32", needs=("onnx",)),
    PyTorch("PyTorch", "f32"),
    OpenVino("OpenVINO", "bf16", needs=("onnx",)),
    PyTorch("PyTorch", "bf16"),
    PyTorch("PyTorch", "bf16", "autocast"),
    OnnxRuntime("ONNX Runtime", "int8", needs=("onnx", "onnx-int8")),
    OpenVino("OpenVINO", "int8", needs=("onnx", "openvino-int8")),
)

PRECISIONS = ("f32", "bf16", "int8")


def library_contenders(instruction_sets):
    """This library in each precision with each of the instruction sets; "" is the best there is."""
    return tuple(
        Library("libdualpath", precision, instruction_set)
        for precision in PRECISIONS
        for instruction_set in instruction_sets
    )
