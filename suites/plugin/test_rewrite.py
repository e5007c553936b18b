"""Rewritten code does what it did before, and its hooks announce exactly what it reads and writes.

The corpus is one function per construct of the language; `suites/plugin/test_rewrite_library.py` does the same with
modules of the standard library.
"""

import inspect
import traceback
import contextlib
import functools
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, SimpleNamespace

import pytest

from pytest_conc.instrument.rewrite import rewrite
from pytest_conc.instrument.site import Hooks, Site

HOOKS = [name for name in vars(Hooks) if not name.startswith("_")]
COUNTER = 0
KEPT = [
    "co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_nlocals", "co_flags", "co_names", "co_varnames",
    "co_freevars", "co_cellvars", "co_filename", "co_name", "co_qualname", "co_firstlineno",
]  # fmt: skip


def silent_hooks() -> SimpleNamespace:
    """Hooks that do nothing."""
    return SimpleNamespace(**{name: lambda *arguments: None for name in HOOKS})


def recording_hooks(events: list[tuple]) -> SimpleNamespace:
    """Hooks that append (hook, name, arguments…) to events."""

    def recorder(hook: str) -> Callable[..., None]:
        def record(*arguments):
            *values, site = arguments
            assert type(site) is Site
            events.append((hook, site.name, *values))

        return record

    return SimpleNamespace(**{name: recorder(name) for name in HOOKS})


def rewritten(function: FunctionType, hooks=None, shared=frozenset(), **options) -> FunctionType:
    """A copy of the function with rewritten code and the same closure."""
    code = rewrite(function.__code__, hooks or silent_hooks(), function.__globals__, frozenset(shared), **options)
    copy = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def compiled(source: str, **namespace) -> FunctionType:
    """The function `f` of a source text: pytest does not rewrite its assertions."""
    exec(compile(source, "<corpus>", "exec"), namespace)
    return namespace["f"]


def events_of(function: FunctionType, *arguments, **options) -> list[str]:
    """`hook name`, one for each hook that runs during a call."""
    events: list[tuple] = []
    rewritten(function, recording_hooks(events), **options)(*arguments)
    return [f"{hook} {name}".strip() for hook, name, *_ in events]


def codes_in(code: CodeType) -> list[CodeType]:
    """The code and all code nested in it."""
    return [code, *(inner for each in code.co_consts if isinstance(each, CodeType) for inner in codes_in(each))]


# -- the corpus ---------------------------------------------------------------------------------------------------------


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y=0):
        self.x, self.y = x, y

    def moved(self, dx=0, *, dy=0):
        return Point(self.x + dx, self.y + dy)

    def pair(self):
        return self.x, self.y


@contextlib.contextmanager
def swallowing(log):
    log.append("in")
    try:
        yield log
    except ValueError as error:
        log.append(str(error))
    finally:
        log.append("out")


def attributes():
    point = Point(1)
    point.x += 2
    del point.y
    return point.x, hasattr(point, "y"), point.moved(1).x if hasattr(point, "y") else None


def global_variables():
    global COUNTER
    COUNTER = 3
    COUNTER += 1
    result = COUNTER
    del COUNTER
    COUNTER = 0
    return result


def closures():
    n, items = 0, []

    def count(by=1):
        nonlocal n
        n += by
        items.append(n)
        return lambda: n

    first = count()
    count(by=2)
    return first(), items, [count(k)() for k in range(3)]


def exceptions():
    log = []
    for argument in (0, 1, "a", None):
        try:
            try:
                log.append(1 / argument)
            except ZeroDivisionError as error:
                log.append(str(error))
                continue
            else:
                log.append("fine")
            finally:
                log.append("finally")
        except (TypeError, ValueError):
            log.append(sys.exc_info()[0])
            if argument is None:
                break
    return log


def exception_groups():
    log = []
    try:
        raise ExceptionGroup("all", [ValueError(1), TypeError(2), ExceptionGroup("in", [ValueError(3)])])
    except* ValueError as group:
        log.append(len(group.exceptions))
    except* TypeError as group:
        log.append(group.exceptions[0].args)
    return log


def with_blocks():
    log = []
    with swallowing(log) as same, swallowing([]) as other:
        same.append(other is log)
        raise ValueError("inner")
    with swallowing(log):
        with swallowing(log):
            return log, log.append("returned")
    return None


def generators():
    def inner():
        got = yield 1
        return (yield got), got

    def outer():
        result = yield from inner()
        yield from [result, *result]
        yield from (k * k for k in range(3))

    stream = outer()
    return [next(stream), stream.send(5), stream.send(6), *stream]


def thrown_generators():
    def guarded():
        while True:
            try:
                yield 1
            except KeyError as error:
                yield error.args

    stream = guarded()
    return next(stream), stream.throw(KeyError("k")), next(stream), stream.close()


def comprehensions(limit=4):
    rows = [[r * c for c in range(limit)] for r in range(limit) if r % 2]
    functions = [lambda k=k: k + limit for k in range(3)]
    return rows, {r: len(row) for r, row in enumerate(rows)}, {len(r) for r in rows}, [f() for f in functions]


def comprehension_as_argument(x=2):
    return sorted([(x := k) for k in range(x)], key=lambda k: -k), x


def decorated():
    @functools.cache
    @functools.wraps(len)
    def square(n):
        return n * n

    return square(3), square(3), square.cache_info().hits, square.__name__


def classes():
    class Base:
        kind = "base"

        def __init__(self, n=1):
            self.n = n

        def name(self, *more):
            return (self.kind, *more)

        @classmethod
        def make(cls, **options):
            return cls(**options)

        @property
        def double(self):
            return 2 * self.n

    class Child(Base, object):  # noqa: UP004
        """Documented."""

        kind = "child"

        def name(self, *more):
            return super().name(self.n, *more) + super().name() + (__class__.__name__,)

    return Child.make(n=3).name(1, 2), Child().double, Child.__doc__


def calls(*args, key=1, **options):
    def echo(*args, **kwargs):
        return args, kwargs

    args, pairs = args or [7, 8], {"a": 1, "b": 2}
    return (
        echo(*args, *[1, 2], **options, **pairs, c=3),
        echo(*args),
        echo(1, key=key),
        echo(**pairs),
        echo(*args, key, z=key),
        echo("{}-{k}".format(*args[:1], k=2), (lambda: 5)()),
        max([1, 2], key=lambda k: -k),
    )


def matches(subject=None):
    log = []
    for subject in (0, "text", [1, 2, 3], {"k": 1, "l": 2}, Point(1, 2), (), None, ("go", "north")):
        match subject:
            case 0 | None:
                log.append("nothing")
            case str() as text if text.isalpha():
                log.append(text)
            case ["go", direction]:
                log.append(direction)
            case [first, *rest]:
                log.append((first, rest))
            case {"k": value, **others}:
                log.append((value, others))
            case Point(x=1, y=y):
                log.append(y)
            case _:
                log.append("other")
    return log


def format_strings(value=3.14159, width=8):
    return f"{value} {value!r:>{width}} {value:.{2}f} {width=} {'x' if width > 3 else 'y'}{{}}" + "%s %r" % (
        value,
        width,
    )


def comparisons(a=1, b=2):
    return (
        a < b < 3,
        a < b > 3,
        not a,
        a and b,
        0 or b,
        a is b,
        a in (1, 2),
        b not in [1],
        not (a == b),
        [] or {} or None,
    )


def conditional_arguments(flag=True):
    items = []
    items.append(1 if flag else 2)
    items.append(items.copy() if items and flag else (items or [0]))
    return items, max(1 if flag else 2, *([3] if flag else []), key=(lambda k: k) if flag else None)


def loops(limit=5):
    seen, n = [], 0
    while n < limit:
        n += 1
        if n == 2:
            continue
        seen.append(n)
    else:
        seen.append("done")
    for _, (a, b) in zip(range(3), {1: 2, 3: 4}.items(), strict=False):
        if a > 9:
            break
        seen += [a, b]
    else:
        seen.append("end")
    while True:
        limit -= 1
        if not limit:
            return seen


def items_and_slices():
    data, table = list(range(10)), {"a": {"b": [0]}}
    table["a"]["b"][0] += 5
    table["c"] = data[1:3]
    data[2:4] = "xyz"
    del data[0], data[-3:]
    data[::2], (first, *middle, last) = data[::2], data
    del table["a"]["b"]
    return data, table, first, middle, last, [*data, *table], {**table, "d": 1}, {*data[:2]}


def operators(a=6, b=4):
    matrix = [[0] * 3 for _ in range(2)]
    numbers = {1, 2}
    numbers |= {a}
    numbers -= {1}
    a <<= 2
    return matrix, numbers, a, a // b, a**2, ~a, -a, a @ b if isinstance(a, list) else a % b, [1] + [b], "ab" * b


def local_deletion():
    a = b = 1
    del a
    try:
        return a
    except UnboundLocalError as error:
        return error.name if hasattr(error, "name") else "a", b


def annotated(a: "int" = 1, /, b: list[int] | None = None, *, c: dict[str, int] = None) -> tuple:  # noqa: RUF013
    """Has a docstring."""
    local: list[int] = [a]
    local[0] = a + len(local)
    return local, b, c


def recursive(n=6):
    def fibonacci(k):
        return k if k < 2 else fibonacci(k - 1) + fibonacci(k - 2)

    import os.path as path

    return fibonacci(n), path.join("a", "b")


ASSERTIONS = """
def f(n=0):
    log = []
    for k in (1, 0):
        try:
            assert k, "is" + str(k)
        except AssertionError as error:
            log.append(error.args)
    try:
        assert n
    except AssertionError as error:
        log.append(error.args)
    return log
"""

CORPUS = [
    attributes, global_variables, closures, exceptions, exception_groups, with_blocks, generators, thrown_generators,
    comprehensions, comprehension_as_argument, decorated, classes, calls, matches, format_strings, comparisons,
    conditional_arguments, loops, items_and_slices, operators, local_deletion, annotated, recursive,
    compiled(ASSERTIONS),
]  # fmt: skip


@pytest.mark.parametrize("gil", [False, True])
@pytest.mark.parametrize("function", CORPUS, ids=lambda function: function.__name__)
def test_rewritten_code_returns_what_the_original_returns(function, gil):
    expected = function()
    events: list[tuple] = []
    result = rewritten(function, recording_hooks(events), {"COUNTER", "Point", "len"}, gil=gil)()
    assert repr(result) == repr(expected)
    assert len(events) >= 3


@pytest.mark.parametrize("gil", [False, True])
@pytest.mark.parametrize("function", CORPUS, ids=lambda function: function.__name__)
def test_rewritten_code_keeps_all_but_instructions_and_constants(function, gil):
    before = codes_in(function.__code__)
    after = codes_in(rewritten(function, gil=gil).__code__)
    assert [[getattr(code, name) for name in KEPT] for code in after] == [
        [getattr(code, name) for name in KEPT] for code in before
    ]
    assert [{*code.co_positions()} for code in after] == [{*code.co_positions()} for code in before]
    for old, new in zip(before, after, strict=True):
        constants = zip(old.co_consts, new.co_consts, strict=False)
        assert all(a is b for a, b in constants if not isinstance(a, CodeType))


# -- exactly the expected events ----------------------------------------------------------------------------------------

OLDER = sys.version_info < (3, 12)
"""Slices are objects, and comprehensions functions of their own."""

EXPECTED = {
    "def f(o): o.n += 1": ["read_attribute n", "write_attribute n"],
    "def f(o): del o.n": ["delete_attribute n"],
    "def f(o): return o.n": ["read_attribute n"],
    "def f(o): o.method(1, k=2)": ["read_attribute method", "call"],
    "def f(o): return o.n if o.flag else None": ["read_attribute flag", "read_container", "read_attribute n"],
    "def f(o): return o.n == 1": ["read_attribute n"],
    "def f(o): return o.n == o.n": ["read_attribute n", "read_attribute n", "operate"],
    "def f(o): return not o": ["read_container"],
    "def f(o): return not (o is None)": [],
    "def f(o): return o is None or o == 3 or o in ()": [],
    "def f(o):\n while o.n < 2: o.n = 2": ["read_attribute n", "write_attribute n", "read_attribute n"],
    "def f(o):\n global g\n g = o\n g\n del g": ["write_global g", "read_global g", "delete_global g"],
    "def f(o): return len": [],
    "def f(o): return o.items[0]": ["read_attribute items", "read_item"],
    "def f(o): o.items[0] += 1": ["read_attribute items", "read_item", "write_item"],
    "def f(o): o.items[0] = o.items.pop()": [
        "read_attribute items", "read_attribute pop", "call", "read_attribute items", "write_item",
    ],
    "def f(o): del o.items[0]": ["read_attribute items", "delete_item"],
    "def f(o): return o.items[:1]": ["read_attribute items", "read_item" if OLDER else "read_container"],
    "def f(o): o.items[:1] = ()": ["read_attribute items", "write_item" if OLDER else "write_container"],
    "def f(o): return 1 in o.items": ["read_attribute items", "read_container"],
    "def f(o): return o.items + [1]": ["read_attribute items", "operate"],
    "def f(o): o.items += [1]": ["read_attribute items", "operate_in_place", "write_attribute items"],
    "def f(o): o.items *= 2": ["read_attribute items", "operate_in_place", "write_attribute items"],
    "def f(o): return '%s' % o": ["operate"],
    "def f(o): return o % 'x' if 0 else 1": [],
    "def f(o): return f'{o} {o!r} {o.n:>4}'": ["read_container", "read_container", "read_attribute n", "read_container"],
    "def f(o): return f'{1} {2!r}'": [],
    "def f(o): return [*o.items], {*o.items}": ["read_attribute items", "read_container"] * 2,
    "def f(o): return [1, 2, 3]": [],
    "def f(o): a, b = o.items": ["read_attribute items", "read_container"],
    "def f(o): a, *b = o.items": ["read_attribute items", "read_container"],
    "def f(o): a, b = o, o": [],
    "def f(o):\n a = b = c = d = o\n a, b, c, d = d, c, b, a": [],
    "def f(o):\n for x in o.items: pass": ["read_attribute items", "iterating", "iterate", "iterate", "iterate"],
    "def f(o):\n for x in (1, 2): pass": ["iterate", "iterate", "iterate"],
    "def f(o): return [x for x in o.items]": ["read_attribute items", "iterating", "iterate", "iterate", "iterate"],
    "def f(o): return list(x for x in o.items)": [
        "read_attribute items", "iterating", "call", "iterate", "iterate", "iterate",
    ],
    "def f(o):\n def g(): yield from o.items\n next(g())": [
        "call", "call", "read_attribute items", "read_container",
    ],
    "def f(o): o.items.append(1 if o else 2)": [
        "read_attribute items", "read_attribute append", "read_container", "call",
    ],
    "def f(o): return dict(**o.table)": ["read_attribute table", "read_container", "call_unpacked"],
    "def f(o): return max(*o.items)": ["read_attribute items", "read_container", "call_unpacked"],
    "def f(o): return max(*o.items, 3)": ["read_attribute items", "read_container", "call_unpacked"],
    "def f(o): return max(*o.items, key=o.method)": [
        "read_attribute items", "read_attribute method", "read_container", "call_unpacked",
    ],
    "def f(o):\n with o.lock: pass": ["read_attribute lock"],
    "def f(o):\n class C(type(o)): pass": ["call"],
    "def f(o):\n @o.method\n def g(): pass": ["read_attribute method", "call"],
    "def f(o):\n try: assert o is None, 'm'\n except AssertionError: pass": ["call"],
    "def f(o):\n match o.items:\n  case [1, 2]: pass": ["read_attribute items", "read_container", "read_container"],
    "def f(o):\n n = 0\n def g():\n  nonlocal n\n  n += 1\n g()": [
        "write_cell n", "call", "read_cell n", "write_cell n",
    ],
    "def f(o):\n n = 0\n def g(): return n, o\n g()": ["call"],
    "def f(o):\n def g(): return n\n n = 0\n g()": ["write_cell n", "call", "read_cell n"],
    "def f(o):\n n = 0\n g = lambda: n\n del n": ["write_cell n", "delete_cell n"],
    "def f(o):\n def g(): return o\n o = g(); g()": ["call", "read_cell o", "write_cell o", "call", "read_cell o"],
    "def f(o):\n for k in (1,):\n  g = lambda: k": ["iterate", "write_cell k", "iterate"],
    "def f(o):\n def g():\n  return lambda: n\n n = g; g()()": ["write_cell n", "call", "call", "read_cell n"],
    "async def h(o): o.n = 1\ndef f(o): h(o).close()": ["call", "read_attribute close", "call"],
}  # fmt: skip


class Subject:
    def __init__(self):
        self.n, self.flag, self.items, self.table, self.lock = 1, [1], [1, 2], {"k": 1}, contextlib.nullcontext()

    def method(self, *arguments, **keywords):
        return arguments[0] if arguments else None

    def __add__(self, other):
        return self


@pytest.mark.parametrize("source", EXPECTED)
def test_the_hooks_announce_exactly_what_the_code_touches(source):
    assert events_of(compiled(source), Subject(), shared={"g"}) == EXPECTED[source]


GIL_EXPECTED = {
    "def f(o): pass": ["gil_point"],
    "def f(o):\n while True:\n  if o.n == 2: break\n  o.n += 1": [
        "gil_point", "read_attribute n", "read_attribute n", "write_attribute n", "gil_point", "read_attribute n",
    ],
    "def f(o):\n for k in (1, 2): pass": ["gil_point", "iterate", "gil_point", "iterate", "gil_point", "iterate"],
    "def f(o):\n def g(): yield o\n next(g())": ["gil_point", "call", "gil_point", "call", "gil_point", "gil_point"],
    "def f(o): o.method(*o.items)": [
        "gil_point", "read_attribute method", "read_attribute items", "read_container", "call_unpacked", "gil_point",
    ],
}  # fmt: skip


@pytest.mark.parametrize("source", GIL_EXPECTED)
def test_points_of_the_interpreter_lock_are_entries_calls_and_jumps_back(source):
    assert events_of(compiled(source), Subject(), gil=True) == GIL_EXPECTED[source]


def arguments_of(hook: str, source: str, *arguments) -> tuple:
    """What the hook gets when it is called first."""
    events: list[tuple] = []
    with contextlib.suppress(Exception):
        rewritten(compiled(source), recording_hooks(events))(*arguments)
    return next(values for name, _, *values in events if name == hook)


VALUES = {
    "def f(o): o.n = 5": ("write_attribute", ["o", 5]),
    "def f(o): o[3] = 4": ("write_item", ["o", 3, 4]),
    "def f(o): return o[3]": ("read_item", ["o", 3]),
    "def f(o): del o[3]": ("delete_item", ["o", 3]),
    "def f(o): return o - [2]": ("operate", ["o", [2]]),
    "def f(o): o <<= [2]": ("operate_in_place", ["o", [2]]),
    "def f(o): return {1} < o": ("operate", [{1}, "o"]),
    "def f(o): return 1 in o": ("read_container", ["o"]),
    "def f(o): return f'{o:>4}'": ("read_container", ["o"]),
    "def f(o): o(1, 2, k=3, l=4)": ("call", [("o", 1, 2, 3, 4)]),
    "def f(o): o()": ("call", [("o",)]),
    "def f(o): (o if o else o)(o)": ("call", [("o", "o")]),
    "def f(o): o(*[1], 2, k=3)": ("call_unpacked", ["o", (1, 2)]),
    "def f(o): o(*o, **{})": ("call_unpacked", ["o", "o"]),
    "def f(o):\n try: assert 0, 'm'\n except: pass": ("call", [(AssertionError, "m")]),
    "def f(o): o(" + "9, " * 25 + ")": ("call", [("o", *[9] * 25)]),
    "def f(o): o(" + "9, " * 300 + ")": ("call_unpacked", ["o", (9,) * 300]),
}


@pytest.mark.parametrize("source", VALUES)
def test_hooks_get_the_operands_in_their_order(source):
    subject = Subject()
    hook, expected = VALUES[source]

    def named(value):
        return "o" if value is subject else tuple(map(named, value)) if isinstance(value, tuple) else value

    assert [named(value) for value in arguments_of(hook, source, subject)] == expected


def test_slices_name_their_container():
    hook = "read_item" if OLDER else "read_container"
    assert arguments_of(hook, "def f(o): return o[1:2]", data := [1, 2, 3])[0] is data
    hook = "write_item" if OLDER else "write_container"
    assert arguments_of(hook, "def f(o): o[1:2] = 'x'", data)[0] is data


def test_iterating_gets_the_container_and_its_iterator():
    data = [1, 2]
    container, iterator = arguments_of("iterating", "def f(o):\n for x in o: pass", data)
    assert container is data
    assert type(iterator) is type(iter(data))


def test_methods_are_called_bound():
    data = [1]
    ((method, argument),) = arguments_of("call", "def f(o): o.append(2)", data)
    assert (method.__self__, argument) == (data, 2)
    assert data == [1, 2]


def test_cells_are_given_themselves_and_may_be_empty():
    events: list[tuple] = []
    source = "def f(o):\n def g(): return n\n n = 7\n return g"
    inner = rewritten(compiled(source), recording_hooks(events))(None)
    (written,) = [event for event in events if event[0] == "write_cell"]
    assert written[2:] == (inner.__closure__[0], 7)


def free_reader():
    n, m = 1, 2
    return lambda: (n, m)


def test_free_variables_can_be_rebound_unless_the_caller_knows_better():
    assert events_of(free_reader()) == ["read_cell n", "read_cell m"]
    assert events_of(free_reader(), rebindable=frozenset()) == []
    assert events_of(free_reader(), rebindable=frozenset({"m"})) == ["read_cell m"]


def test_the_class_cell_of_super_is_not_a_variable():
    source = "def f(o):\n class C:\n  def m(self): return super().__init__(), __class__\n C().m()"
    assert not [event for event in events_of(compiled(source), None) if "cell" in event]


def test_code_without_shared_state_is_returned_as_it_is():
    code = compiled("def f(a, b):\n c = a is b\n return c, a").__code__
    assert rewrite(code, silent_hooks(), {}, frozenset()) is code


def test_only_functions_in_module_code_are_hooked():
    code = compile("import sys\nclass C:\n n = sys.path[0]\n def m(self): return self.n\nx = C().m()", "x", "exec")
    events: list[tuple] = []
    exec(rewrite(code, recording_hooks(events), {}, frozenset({"sys"})), {"__name__": "x"})
    assert [event[:2] for event in events] == [("read_attribute", "n")]


def test_a_site_says_where_it_is():
    sites = []
    hooks = silent_hooks()
    hooks.read_attribute = lambda owner, site: sites.append(site)
    rewritten(function := compiled("def f(o):\n return (o\n  .n, lambda: 0)"), hooks)(Subject())
    (site,) = sites
    assert (site.code_name, site.filename, site.line, site.name) == ("f", "<corpus>", 3, "n")
    assert site.namespace is function.__globals__
    assert (site.hot, site.owner_type, site.kind, site.epoch) == (False, None, 0, 0)


def failing(data):
    total = 0
    for k in data:
        total += sum(
            [
                1 / k,
                len(data),
            ]
        )
    return total


def positions_of_failure(function: FunctionType, *arguments) -> list[tuple]:
    with pytest.raises(ZeroDivisionError) as raised:
        function(*arguments)
    frames = traceback.walk_tb(raised.value.__traceback__.tb_next)
    positions = [list(frame.f_code.co_positions())[frame.f_lasti // 2] for frame, _ in frames]
    return [
        (line, *place) for (_, line), place in zip(traceback.walk_tb(raised.value.__traceback__.tb_next), positions)
    ]


@pytest.mark.parametrize("gil", [False, True])
def test_tracebacks_are_the_same_to_the_column(gil):
    assert positions_of_failure(rewritten(failing, gil=gil), [1, 0]) == positions_of_failure(failing, [1, 0])


def test_what_a_hook_raises_is_raised_at_the_line_of_the_instruction_and_can_be_caught():
    hooks = silent_hooks()

    def read_attribute(owner, site):
        raise KeyError(site.name)

    hooks.read_attribute = read_attribute
    source = "def f(o):\n try:\n  x = [1, (\n   o.n)]\n except KeyError as error:\n  return error"
    error = rewritten(compiled(source), hooks)(Subject())
    assert [line for _, line in traceback.walk_tb(error.__traceback__)][0] == 4


def test_every_line_is_traced_as_before():
    def lines(function):
        seen = []

        def trace(frame, event, argument):
            if frame.f_code.co_filename == __file__ and frame.f_code.co_name in ("loops", "<lambda>"):
                seen.append((event, frame.f_lineno - function.__code__.co_firstlineno))
                return trace
            return None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            function()
        finally:
            sys.settrace(before)
        return [event for event in seen if event[1] >= 0]

    hooks = SimpleNamespace(**dict.fromkeys(HOOKS, BaseException))  # takes all arguments, and is not a Python function
    assert lines(rewritten(loops, hooks)) == lines(loops)
    assert lines(rewritten(loops, hooks, gil=True)) == lines(loops)


def test_jumps_over_much_code_and_many_constants_keep_their_aim():
    body = "".join(f"  if o.n == {n}.5: o.n += {n}\n  o.items[0] = o.n\n" for n in range(1500))
    function = compiled(f"def f(o):\n for k in range(2):\n{body}  if k: break\n else: return 0\n return o.n, k")
    events: list[tuple] = []
    assert rewritten(function, recording_hooks(events), gil=True)(Subject()) == function(Subject())
    assert len(events) > 12000


def test_signature_documentation_and_source_are_kept():
    copy = rewritten(annotated)
    copy.__annotations__ = annotated.__annotations__
    assert inspect.signature(copy) == inspect.signature(annotated)
    assert copy.__doc__ == annotated.__doc__ == "Has a docstring."
    assert inspect.getsource(copy) == inspect.getsource(annotated)
