"""Values of any type that a message of ours is made of, without hypothesis' registry, which all tests would share."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

Strategies = dict[Any, st.SearchStrategy[Any]]


def of_type(kind: Any, leaves: Strategies) -> st.SearchStrategy[Any]:
    """leaves: what is drawn for str and int, and for whole structs that are to hold something else than these."""
    if kind in leaves:
        return leaves[kind]
    if kind is NoneType:
        return st.none()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.name: of_type(field.type, leaves) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    found = _of_generic(get_origin(kind), get_args(kind), leaves)
    return st.from_type(kind) if found is None else found


def _of_generic(origin: Any, arguments: tuple[Any, ...], leaves: Strategies) -> st.SearchStrategy[Any] | None:
    if origin is Annotated:
        return of_type(arguments[0], leaves)
    if origin in {Union, UnionType}:
        return st.one_of(*(of_type(one, leaves) for one in arguments))
    inner = [of_type(one, leaves) for one in arguments if one is not Ellipsis]
    match origin:
        case _ if origin is list:
            return st.lists(inner[0], max_size=3)
        case _ if origin is dict:
            return st.dictionaries(*inner, max_size=2)
        case _ if origin is tuple:
            return st.tuples(*inner)
    return None
