"""
A layout of checkpoints: how names of the reference's state_dict and names in a file become each
other.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    beginnings: tuple  # (theirs, ours)
    parts: tuple = ()  # (theirs, ours)

    def ours(self, name):
        for theirs, ours in self.beginnings:
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
                break
        for theirs, ours in self.parts:
            name = name.replace(theirs, ours)
        return name

    def theirs(self, name):
        for theirs, ours in self.parts:
            name = name.replace(ours, theirs)
        for theirs, ours in self.beginnings:
            if name.startswith(ours):
                return theirs + name.removeprefix(ours)
        return name


def adapter_parts(modules, layers):
    """Parts of the names of adapters: `modules` says what the file calls each adapter, `layers`
    what it calls each layer of one."""
    return tuple(
        (f"{theirs}.{layer}.", f"adapters.{ours}.{our_layer}.")
        for theirs, ours in modules
        for layer, our_layer in layers
    )
