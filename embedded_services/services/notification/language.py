"""The template language: the harmless part of Jinja, in which no template can run long or grow large.

A template writes variables, asks `if`, goes over lists with `for`, and uses our filters. There are no calls, no
arithmetic, no assignments, macros or includes: nothing can be multiplied, accumulated or reached that was not given.
What a template is, is checked when it is compiled. When it is rendered, all its loops together make at most
`STEPS` passes and its output is cut off at a limit. Jinja's sandbox stays on underneath, as a second wall.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    Undefined,
    UndefinedError,
    meta,
    nodes,
    pass_context,
)
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from embedded_services.services.notification.filters import FILTERS

STEPS: Final = 1_000
_DEPTH: Final = 40
_LOOP: Final = frozenset({"index", "index0", "first", "last", "length"})
_TESTS: Final = (
    "defined",
    "undefined",
    "none",
    "string",
    "number",
    "boolean",
    "true",
    "false",
    "even",
    "odd",
)
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.If, nodes.For, nodes.CondExpr, nodes.Concat,
)  # fmt: skip
_BOUNDED: Final = "_bounded"
_BUDGET: Final = "_budget"


class TemplateFaultError(Exception):
    """The template is not one of this language, or cannot be rendered with these data. The text says why."""


class MissingVariableError(TemplateFaultError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is needed by the template")
        self.name = name


class _Missing(StrictUndefined):
    """Any use of what is not there is an error whose text is its name."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


class _Budget:
    def __init__(self) -> None:
        self.left = STEPS


@pass_context
def _bounded(context: Context, items: object) -> Iterator[Any]:
    """What every `for` goes over: a list, while there are passes left."""
    budget: _Budget = context[_BUDGET]
    if isinstance(items, Undefined):
        iter(items)  # raises
    if not isinstance(items, list):
        raise TemplateFaultError("a loop goes over something that is not a list")
    for item in items:
        budget.left -= 1
        if budget.left < 0:
            raise TemplateFaultError(f"the loops make more than {STEPS} passes")
        yield item


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes are keys of objects, and a few facts about a loop; Python's own are out of reach."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            str(obj)  # raises
        if isinstance(obj, dict) and argument in obj:
            return obj[argument]
        if isinstance(obj, list) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=str(argument))


@dataclass(frozen=True)
class Compiled:
    """`variables` are the names it uses; `paths` those and what it takes from them, like `order.id`."""

    template: Template
    variables: list[str]
    paths: frozenset[str]

    def render(self, data: Mapping[str, Any], limit: int) -> str:
        """Raises TemplateFaultError, MissingVariableError when a variable is not in `data`."""
        text: list[str] = []
        size = 0
        try:
            for chunk in self.template.generate({**data, _BUDGET: _Budget()}):
                size += len(chunk)
                if size > limit:
                    raise TemplateFaultError(f"the text is longer than {limit} characters")
                text.append(chunk)
        except UndefinedError as error:
            raise MissingVariableError(self._whole_path(str(error))) from error
        except (TemplateError, ValueError, TypeError, OverflowError, OSError) as error:
            raise TemplateFaultError(f"the template cannot be rendered: {error}") from error
        return "".join(text)

    def _whole_path(self, name: str) -> str:
        """Of a missing `id`, the `order.id` that the template says, if that is the only one it can be."""
        whole = [path for path in self.paths if path.rpartition(".")[2] == name]
        return whole[0] if len(whole) == 1 else name


class Language:
    def __init__(self) -> None:
        environment = _Environment(
            undefined=_Missing,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.globals.clear()
        environment.filters = {**FILTERS, _BOUNDED: _bounded}
        environment.tests = {name: environment.tests[name] for name in _TESTS}
        self._environment = environment

    def compile(self, source: str) -> Compiled:
        """Raises TemplateFaultError."""
        try:
            tree = self._environment.parse(source)
            paths: set[str] = set()
            _check(tree, paths, _DEPTH)
            variables = sorted(meta.find_undeclared_variables(tree))
            code = self._environment.compile(tree)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise TemplateFaultError(f"{error.message}" + (f" (line {line})" if line else "")) from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            raise TemplateFaultError("it is nested too deeply") from error
        except (ValueError, OverflowError) as error:
            raise TemplateFaultError(f"a number in it is out of range: {error}") from error
        return Compiled(
            Template.from_code(self._environment, code, self._environment.globals),
            variables,
            frozenset(paths),
        )


def _check(node: nodes.Node, paths: set[str], depth: int) -> None:
    """Refuse what is not in the language, collect the paths, and bound every loop."""
    if depth == 0:
        raise TemplateFaultError("it is nested too deeply")
    if fault := _fault(node):
        raise TemplateFaultError(f"{fault} (line {node.lineno})")
    if path := _path(node):
        paths.add(path)
    for child in node.iter_child_nodes():
        _check(child, paths, depth - 1)
    if isinstance(node, nodes.For):
        node.iter = nodes.Filter(node.iter, _BOUNDED, [], [], None, None, lineno=node.lineno)


def _fault(node: nodes.Node) -> str | None:
    """Why this node, its children apart, is not part of the language."""
    if not isinstance(node, _ALLOWED):
        return f"{type(node).__name__.lower()} is not part of the language"
    match node:
        case nodes.Name(name=name) | nodes.Filter(name=name) if name.startswith("_"):
            return "names do not begin with _"
        case nodes.Getitem(arg=argument) if not isinstance(argument, nodes.Const):
            return "only a constant can stand in [ ]"
        case nodes.Const(value=float(value)) if not math.isfinite(value):
            return "a number is out of range"
        case nodes.CondExpr(expr2=None):
            return "an if within {{ }} needs an else"
        case nodes.For() if node.recursive or not isinstance(node.target, nodes.Name):
            return "a loop has one plain variable"
        case _:
            return None


def _path(node: nodes.Node) -> str | None:
    """`order.id` for the node of that expression."""
    match node:
        case nodes.Name(name=name):
            return str(name)
        case nodes.Getattr(node=inner, attr=attribute):
            before = _path(inner)
            return f"{before}.{attribute}" if before else None
        case _:
            return None
