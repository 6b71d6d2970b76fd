"""Small checkpoints for the tests, written byte by byte: the zip archives and protocol-2 pickles
of torch.save() and torch.jit.save() without PyTorch, and models of every family of names.
"""

import io
import struct
import zipfile
from typing import NamedTuple

import numpy as np

STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage",
            "i4": "IntStorage", "i2": "ShortStorage", "i1": "CharStorage", "u1": "ByteStorage",
            "b1": "BoolStorage", "u2": "BFloat16Storage"}


class Name(NamedTuple):
    """A GLOBAL."""
    module: str
    name: str


class Call(NamedTuple):
    """REDUCE of a name."""
    module: str
    name: str
    arguments: tuple


class Object(NamedTuple):
    """NEWOBJ and BUILD of a name."""
    module: str
    name: str
    state: dict


class Persistent(NamedTuple):
    identifier: tuple


class Raw(NamedTuple):
    """Bytes of a pickle that leave one value on the stack."""
    data: bytes


def encode(value):
    """The instructions that put a value on the stack of a pickle machine."""
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, Name):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        return encode(Name(value.module, value.name)) + encode(value.arguments) + b"R"
    if isinstance(value, Object):
        return encode(Name(value.module, value.name)) + b")\x81" + encode(value.state) + b"b"
    if isinstance(value, Persistent):
        return encode(value.identifier) + b"Q"
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if abs(value) < 1 << 31 else \
            b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, tuple):
        return b"(" + b"".join(map(encode, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(encode, value)) + b"e"
    assert isinstance(value, dict)
    return b"}(" + b"".join(encode(k) + encode(v) for k, v in value.items()) + b"u"


def pickle_of(value):
    return b"\x80\x02" + encode(value) + b"."


class Archive:
    """Collects storages while a value is described, then is a file."""

    def __init__(self, byte_order="little"):
        self.entries = {}
        self.counts = {}  # of numbers, by the key of a storage
        self.order = byte_order

    def storage(self, array):
        """A reference to the numbers of an array as a storage of the archive."""
        key = str(len(self.entries))
        kind = array.dtype.str[1:]
        mark = "<" if self.order == "little" else ">"
        self.entries[f"data/{key}"] = array.astype(array.dtype.newbyteorder(mark)).tobytes()
        self.counts[key] = array.size
        return Persistent(("storage", Name("torch", STORAGES[kind]), key, "cpu", array.size))

    def tensor(self, array):
        array = np.asarray(array)
        strides = tuple(step // array.itemsize for step in np.empty(array.shape,
                                                                    array.dtype).strides)
        return self.view(self.storage(np.ascontiguousarray(array).reshape(-1)), 0, array.shape,
                         strides)

    @staticmethod
    def view(storage, offset, shape, strides):
        return Call("torch._utils", "_rebuild_tensor_v2",
                    (storage, offset, tuple(shape), tuple(strides), False,
                     Call("collections", "OrderedDict", ())))

    def state(self, tensors):
        """An OrderedDict as state_dict() returns it."""
        items = b"".join(encode(name) + encode(self.tensor(array))
                         for name, array in tensors.items())
        return Raw(encode(Call("collections", "OrderedDict", ())) + b"(" + items + b"u"
                   + encode({"_metadata": {}}) + b"b")

    def write(self, path, value, pickle=None, compression=zipfile.ZIP_STORED):
        data = pickle_of(value) if pickle is None else pickle
        with zipfile.ZipFile(path, "w", compression) as file:
            for name, entry in {"data.pkl": data, "byteorder": self.order.encode(),
                                **self.entries}.items():
                file.writestr("archive/" + name, entry)
        return str(path)


MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")


class LegacyFile(Archive):
    """Writes files as torch.save() did before PyTorch 1.6."""

    def storage(self, array):
        identifier = super().storage(array).identifier
        return Persistent((*identifier, None))  # no view of another storage

    def write(self, path, value, **change):
        """`change` replaces parts: magic, version, system, value, keys, storages."""
        storages = {name.rpartition("/")[2]: data for name, data in self.entries.items()}
        keys = sorted(storages)
        parts = {"magic": Raw(b"\x8a\x0a" + MAGIC), "version": 1001,
                 "system": {"protocol_version": 1001, "little_endian": True}, "value": value,
                 "keys": keys, "storages": [(self.counts[key], storages[key]) for key in keys],
                 **change}
        pickles = [pickle_of(parts[name])
                   for name in ("magic", "version", "system", "value", "keys")]
        numbers = [struct.pack("<q", count) + data for count, data in parts["storages"]]
        with open(path, "wb") as file:
            file.write(b"".join(pickles + numbers))
        return str(path)


def namespace(**attributes):
    return Object("argparse", "Namespace", attributes)


def save(path, tensors, **arguments):
    """A released checkpoint: {'model': ..., 'epoch': ..., 'args': ...}."""
    archive = Archive()
    return archive.write(path, {"model": archive.state(tensors), "epoch": 3,
                                "args": namespace(**arguments)})


def save_torchscript(path, tensors, package="__torch__.clip.model"):
    """The tensors as the attributes of a tree of modules."""
    archive, tree = Archive(), {}
    for name, array in tensors.items():
        node = tree
        *modules, leaf = name.split(".")
        for module in modules:
            node = node.setdefault(module, {})
        node[leaf] = archive.tensor(array)

    def module(node):
        state = {"training": False, "_is_full_backward_hook": None}
        state.update({key: module(item) if isinstance(item, dict) else item
                      for key, item in node.items()})
        return Object(package, "Module", state)

    return archive.write(path, module(tree))


class Sizes(NamedTuple):
    width: int = 64
    patch: int = 4
    side: int = 4
    blocks: int = 2
    hidden: int = 96
    features: int = 32
    classes: int = 3
    bottleneck: int = 24

    @property
    def tokens(self):
        return self.side ** 2 + 1


DEFAULT_SIZES = Sizes()


class _Random:
    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def __call__(self, *shape):
        return self.generator.standard_normal(shape).astype(np.float32)


def clip(sizes=DEFAULT_SIZES, seed=1, text=True):
    """OpenAI's and open_clip's names."""
    random, d = _Random(seed), sizes.width
    tensors = {"visual.conv1.weight": random(d, 3, sizes.patch, sizes.patch),
               "visual.class_embedding": random(d),
               "visual.positional_embedding": random(sizes.tokens, d),
               "visual.proj": random(d, sizes.features)}
    for norm in ("ln_pre", "ln_post"):
        tensors.update({f"visual.{norm}.weight": random(d), f"visual.{norm}.bias": random(d)})
    for i in range(sizes.blocks):
        block = f"visual.transformer.resblocks.{i}."
        for name, shape in {"ln_1": (d,), "ln_2": (d,), "attn.out_proj": (d, d),
                            "mlp.c_fc": (sizes.hidden, d), "mlp.c_proj": (d, sizes.hidden)}.items():
            tensors[f"{block}{name}.weight"] = random(*shape)
            tensors[f"{block}{name}.bias"] = random(shape[0])
        tensors[block + "attn.in_proj_weight"] = random(3 * d, d)
        tensors[block + "attn.in_proj_bias"] = random(3 * d)
    if text:
        tensors.update({"token_embedding.weight": random(6, 4), "logit_scale": random(),
                        "positional_embedding": random(5, 4), "text_projection": random(4, 2),
                        "transformer.resblocks.0.attn.in_proj_weight": random(12, 4),
                        "ln_final.weight": random(4), "ln_final.bias": random(4)})
    return tensors


ADAPTERS = {"s_adapter_attn": "s1", "s_adapter_mlp": "s2", "t_adapter_attn_b": "t0",
            "t_adapter_attn": "t1", "t_adapter_mlp": "t2"}


def dualpath(sizes=DEFAULT_SIZES, seed=2, grid=True, serial_input=True):
    """The released names; without `grid` and `serial_input` the paper's variant."""
    random, d, b = _Random(seed), sizes.width, sizes.bottleneck
    tensors = clip(sizes, seed + 100)
    if grid:
        tensors["visual.spatial_positional_embedding"] = random(sizes.tokens, d)
    for i in range(sizes.blocks):
        for adapter in ADAPTERS:
            if adapter == "t_adapter_attn_b" and not serial_input:
                continue
            name = f"visual.transformer.resblocks.{i}.{adapter}"
            tensors.update({f"{name}.down_proj.weight": random(b, d),
                            f"{name}.down_proj.bias": random(b),
                            f"{name}.up_proj.weight": random(d, b),
                            f"{name}.up_proj.bias": random(d)})
    m = sizes.features
    tensors.update({"visual.head.linear1.weight": random(m, 2 * m),
                    "visual.head.linear1.bias": random(m),
                    "visual.head.linear2.weight": random(sizes.classes, m),
                    "visual.head.linear2.bias": random(sizes.classes)})
    return tensors


def hugging_face(sizes=DEFAULT_SIZES, seed=3):
    random, d = _Random(seed), sizes.width
    vision = "vision_model."
    tensors = {vision + "embeddings.patch_embedding.weight": random(d, 3, sizes.patch, sizes.patch),
               vision + "embeddings.class_embedding": random(d),
               vision + "embeddings.position_embedding.weight": random(sizes.tokens, d),
               vision + "embeddings.position_ids": np.arange(sizes.tokens)[None],
               "visual_projection.weight": random(sizes.features, d),
               "text_projection.weight": random(4, 4), "logit_scale": random(),
               "text_model.embeddings.token_embedding.weight": random(6, 4),
               "text_model.encoder.layers.0.self_attn.q_proj.weight": random(4, 4),
               "text_model.final_layer_norm.bias": random(4)}
    shapes = {"layer_norm1": (d,), "layer_norm2": (d,), "self_attn.out_proj": (d, d),
              "self_attn.q_proj": (d, d), "self_attn.k_proj": (d, d), "self_attn.v_proj": (d, d),
              "mlp.fc1": (sizes.hidden, d), "mlp.fc2": (d, sizes.hidden)}
    named = {f"encoder.layers.{i}.{name}": shape
             for i in range(sizes.blocks) for name, shape in shapes.items()}
    for name, shape in {"pre_layrnorm": (d,), "post_layernorm": (d,), **named}.items():
        tensors[f"{vision}{name}.weight"] = random(*shape)
        tensors[f"{vision}{name}.bias"] = random(shape[0])
    return tensors


def timm(sizes=DEFAULT_SIZES, seed=4):
    random, d = _Random(seed), sizes.width
    tensors = {"patch_embed.proj.weight": random(d, 3, sizes.patch, sizes.patch),
               "patch_embed.proj.bias": random(d), "cls_token": random(1, 1, d),
               "pos_embed": random(1, sizes.tokens, d)}
    shapes = {"norm1": (d,), "norm2": (d,), "attn.qkv": (3 * d, d), "attn.proj": (d, d),
              "mlp.fc1": (sizes.hidden, d), "mlp.fc2": (d, sizes.hidden)}
    named = {f"blocks.{i}.{name}": shape
             for i in range(sizes.blocks) for name, shape in shapes.items()}
    for name, shape in {"norm": (d,), "head": (7, d), **named}.items():
        tensors[f"{name}.weight"] = random(*shape)
        tensors[f"{name}.bias"] = random(shape[0])
    return tensors


def _adapter(random, name, width, bottleneck, down="D_fc1", up="D_fc2"):
    return {f"{name}.{down}.weight": random(bottleneck, width), f"{name}.{down}.bias": random(bottleneck),
            f"{name}.{up}.weight": random(width, bottleneck), f"{name}.{up}.bias": random(width)}


AIM_ADAPTERS = {"T_Adapter_in": "time_in", "T_Adapter": "time", "S_Adapter": "space",
                "MLP_Adapter": "mlp"}


def aim(sizes=DEFAULT_SIZES, seed=5, frames=8, time_in=False, on_timm=False):
    """AIM's names, on CLIP or on timm's ViT."""
    random, d = _Random(seed), sizes.width
    if on_timm:
        tower = {name: array for name, array in timm(sizes, seed + 100).items()
                 if not name.startswith("head.")}
        tower = {name.replace("norm.", "ln_post.") if name.startswith("norm.") else name: array
                 for name, array in tower.items()}
        block = "backbone.blocks.{}."
    else:
        tower = {name[len("visual."):]: array for name, array in clip(sizes, seed + 100, False).items()
                 if name != "visual.proj"}
        block = "backbone.transformer.resblocks.{}."
    tensors = {"backbone." + name: array for name, array in tower.items()}
    tensors["backbone.temporal_embedding"] = random(1, frames, d)
    for i in range(sizes.blocks):
        for adapter in AIM_ADAPTERS:
            if time_in or adapter != "T_Adapter_in":
                tensors.update(_adapter(random, block.format(i) + adapter, d, sizes.bottleneck))
    tensors.update({"cls_head.fc_cls.weight": random(sizes.classes, d),
                    "cls_head.fc_cls.bias": random(sizes.classes)})
    return tensors


def _head(random, sizes):
    return {"fc.weight": random(sizes.classes, sizes.width), "fc.bias": random(sizes.classes)}


_TRAINED_BLOCK = "transformer.resblocks.{}."
ST_ADAPTERS = {"adapter_pre_attn": "conv_attn", "adapter_pre_mlp": "conv_mlp"}


def st_adapter(sizes=DEFAULT_SIZES, seed=7, adapters=tuple(ST_ADAPTERS), first=0, kernel=(3, 1, 1)):
    """What ST-Adapter trains, and nothing else."""
    random, d, b = _Random(seed), sizes.width, sizes.bottleneck
    tensors = {}
    for i in range(first, sizes.blocks):
        for adapter in adapters:
            name = _TRAINED_BLOCK.format(i) + adapter
            tensors.update(_adapter(random, name, d, b, "fc1", "fc2"))
            tensors.update({f"{name}.conv.weight": random(b, 1, *kernel), f"{name}.conv.bias": random(b)})
    return {**tensors, **_head(random, sizes)}


def vpt(sizes=DEFAULT_SIZES, seed=8, prompts=5, blocks=None):
    """Prompts of all blocks, or of some."""
    random = _Random(seed)
    chosen = range(sizes.blocks) if blocks is None else blocks
    tensors = {_TRAINED_BLOCK.format(i) + "prompt": random(prompts, sizes.width) for i in chosen}
    return {**tensors, **_head(random, sizes)}


def adaptformer(sizes=DEFAULT_SIZES, seed=9):
    random, tensors = _Random(seed), {}
    for i in range(sizes.blocks):
        tensors.update(_adapter(random, _TRAINED_BLOCK.format(i) + "adaptmlp", sizes.width,
                                sizes.bottleneck, "down", "up"))
    return {**tensors, **_head(random, sizes)}


def probe(sizes=DEFAULT_SIZES, seed=10):
    return _head(_Random(seed), sizes)


def rezip(source, path, change):
    """A copy of an archive with its entries changed: `change` gets and returns a dictionary."""
    with zipfile.ZipFile(source) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in change(entries).items():
            file.writestr(name, data)
    return str(path)


def bfloat16(array):
    """The upper halves of f32 numbers, cut off."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return (bits >> 16).astype(np.uint16)


def zip_bytes(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return buffer.getvalue()
