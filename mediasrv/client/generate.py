"""Writes `mediasrv/client/methods.py` from the method table: `python -m mediasrv.client.generate`."""

from __future__ import annotations

import inspect
import keyword
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from mediasrv.signaling.method import Method, Scope
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.schema import Nothing, Shape

PATH = Path(__file__).parent / "methods.py"
_LINE = 120
_LEFT_OUT = {"authenticate", "join", "leave", "resume_session", "subscribe_events", "unsubscribe_events"}
"""What the client does by itself, and what only participants do."""

_HEAD = '''"""The methods of control sessions. Written by `python -m mediasrv.client.generate` from the method table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

{unset}{imports}
R = TypeVar("R", bound=Shape)


class Methods(ABC):
    """Each sends a request and gives its result. All raise a `ClientError`."""

    @abstractmethod
    async def _request(self, method: str, params: Shape, result: type[R]) -> R: ...
'''


def render() -> str:
    """The whole module."""
    methods = [
        method for method in METHODS.values() if method.scope is not Scope.PARTICIPANT and method.name not in _LEFT_OUT
    ]
    bodies = ["\n".join(_method(method)) for method in methods]
    text = "\n\n".join(bodies)
    used = {Shape, Nothing} if any(method.result is Nothing for method in methods) else {Shape}
    for method in methods:
        used |= {method.params, method.result}
        for hint in get_type_hints(method.params).values():
            used |= set(_shapes(hint))
    modules: dict[str, list[str]] = {}
    for shape in used:
        modules.setdefault(shape.__module__, []).append(shape.__name__)
    imports = "".join(_import(module, sorted(names)) for module, names in sorted(modules.items()))
    literal = "from typing import Literal, TypeVar\n" if "Literal[" in text else ""
    head = _HEAD.format(unset="from msgspec import UNSET, UnsetType\n\n" if "UNSET" in text else "", imports=imports)
    if literal:
        head = head.replace("from typing import TypeVar\n", literal)
    return head + "\n" + text + "\n"


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= _LINE + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def _method(method: Method) -> Iterator[str]:
    hints = get_type_hints(method.params)
    fields = msgspec.structs.fields(method.params)
    required = [f"{field.name}: {_type(hints[field.name])}" for field in fields if field.required]
    optional, values = [], []
    for field in fields:
        assert not keyword.iskeyword(field.name)
        value = field.name
        if not field.required:
            hint = _type(hints[field.name])
            if field.default_factory is not msgspec.NODEFAULT:
                made = field.default_factory()
                optional.append(f"{field.name}: {hint} | None = None")
                value = f"{_made(made)} if {field.name} is None else {field.name}"
            else:
                default = "UNSET" if field.default is msgspec.UNSET else _literal(field.default)
                optional.append(f"{field.name}: {hint} = {default}")
        values.append(f"{field.name}={value}")
    result = "None" if method.result is Nothing else method.result.__name__
    arguments = ["self", *required, *(["*", *optional] if optional else [])]
    yield from _call(f"    async def {method.name}", arguments, f" -> {result}:", 4)
    yield from _docstring(inspect.getdoc(method.params) or "")
    yield from _call(f"        params = {method.params.__name__}", values, "", 8)
    answer = f'await self._request("{method.name}", params, {method.result.__name__})'
    yield f"        {answer}" if method.result is Nothing else f"        return {answer}"


def _call(before: str, arguments: list[str], after: str, indent: int) -> Iterator[str]:
    line = f"{before}({', '.join(arguments)}){after}"
    if len(line) <= _LINE:
        yield line
        return
    inner = " " * (indent + 4)
    joined = inner + ", ".join(arguments)
    yield f"{before}("
    if len(joined) <= _LINE and "= " not in before:
        yield joined
    else:
        yield from (f"{inner}{argument}," for argument in arguments)
    yield f"{' ' * indent}){after}"


def _docstring(text: str) -> Iterator[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += ["", *textwrap.wrap(" ".join(paragraph.split()), _LINE - 8 - 6)]
    if len(lines) == 2:
        yield f'        """{lines[1]}"""'
        return
    yield f'        """{lines[1]}'
    yield from (f"        {line}" if line else "" for line in lines[2:])
    yield '        """'


def _literal(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, str) else repr(value)


def _made(value: object) -> str:
    """A default that is made each time; shapes have defaults of their own."""
    return f"{type(value).__name__}()" if isinstance(value, msgspec.Struct) else repr(value)


def _type(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(_type(argument) for argument in sorted(arguments, key=lambda each: each is NoneType))
    if origin is Literal:
        return f"Literal[{', '.join(_literal(value) for value in arguments)}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_type(argument) for argument in arguments)}]"
    return "None" if hint is NoneType else str(hint.__name__)


def _shapes(hint: Any) -> Iterator[type[Shape]]:
    if isinstance(hint, type) and issubclass(hint, Shape):
        yield hint
    for argument in get_args(hint):
        yield from _shapes(argument)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
