"""A GPU that is not there, so that mixing devices fails without one.

On the CPU alone an operation on tensors of two devices cannot be noticed. Under ``pretend_gpu()``
what is put on "cuda" stays in main memory and is computed there, says that it is on the GPU, and
refuses to meet tensors that are not, as CUDA does. How fast CUDA is, and how it rounds, is not
shown; nor is the backward pass, which autograd itself puts on the right device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda", 0)
FACTORIES = (
    *("tensor", "as_tensor", "zeros", "ones", "full", "empty"),
    *("arange", "rand", "randn", "randperm"),
)
TAKES_CPU_INDICES = ("aten::index", "aten::index_put_", "aten::_index_put_impl_")


class OnGpu(Tensor):
    """A tensor that says it is on the GPU; the numbers are in ``held``, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGpu:
        wrapper = Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype
        )
        wrapper.held = held
        return wrapper

    def __repr__(self) -> str:
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunctionSubclass():  # results keep the kind they have
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute on what is held, once all that meets is on the GPU."""
        kwargs, name = kwargs or {}, func._schema.name
        apart = [t for t in tree_leaves((args, kwargs)) if _is_apart(t)]
        if name in TAKES_CPU_INDICES and isinstance(args[0], OnGpu):
            apart = [t for t in tree_leaves(args[2:]) if _is_apart(t)]
        if apart and name != "aten::copy_":
            shapes = ", ".join(str(tuple(t.shape)) for t in apart)
            raise RuntimeError(f"{name}: on the GPU, but for tensors of shape {shapes}")
        found = func(*tree_map_only(OnGpu, _held, args), **tree_map_only(OnGpu, _held, kwargs))
        if func._schema.is_mutable:  # in place: what was given comes back
            return args[0]
        return tree_map_only(Tensor, OnGpu, found)


def _held(tensor: OnGpu) -> Tensor:
    return tensor.held


def _is_apart(leaf: Any) -> bool:
    """Return whether it is a tensor on the CPU that CUDA would refuse; it takes single numbers."""
    return isinstance(leaf, Tensor) and not isinstance(leaf, OnGpu) and leaf.dim() > 0


class _Door(TorchFunctionMode):
    """Where tensors go to the GPU, come back, and say where they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        here = bool(args) and isinstance(args[0], OnGpu)
        if here and func == Tensor.device.__get__:
            return GPU
        if here and func == Tensor.is_cuda.__get__:
            return True
        if here and name in ("tolist", "item"):
            return getattr(args[0].held, name)()
        if name in ("to", "cpu", "cuda") and not any(isinstance(a, Tensor) for a in args[1:]):
            return _moved(name, *args, **kwargs)
        if name in FACTORIES or name.startswith("new_"):
            wanted = kwargs.pop("device", None)
            wanted = (GPU if here else "cpu") if wanted is None else wanted
            made = func(args[0].held if here else args[0], *args[1:], **kwargs)
            return OnGpu(made) if torch.device(wanted).type == "cuda" else made
        return func(*args, **kwargs)


def _moved(name: str, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Return a tensor where ``to``, ``cpu`` or ``cuda`` want it."""
    if name == "to":
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
    else:
        device, dtype, layout = torch.device(name), None, None
    there = isinstance(tensor, OnGpu) if device is None else device.type == "cuda"
    if there == isinstance(tensor, OnGpu):
        kept = tensor
    else:
        kept = OnGpu(tensor.detach()) if there else tensor.detach().held.clone()
    options = {"dtype": dtype, "memory_format": layout}
    return Tensor.to(kept, **{key: value for key, value in options.items() if value is not None})


@contextmanager
def pretend_gpu() -> Iterator[None]:
    """Let "cuda" be a device, whatever this machine has.

    Inference mode, whose tensors cannot be wrapped, is no more than ``no_grad`` meanwhile.
    """
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # parameters change kind
    try:
        with (
            patch("torch.inference_mode", torch.no_grad),
            patch("torch.cuda.mem_get_info", lambda device: (2**30, 2**31)),
            _Door(),
        ):
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
