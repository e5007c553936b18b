"""Rewritten code does what it did before, and its hooks announce exactly what it reads and writes.

`rewritten_programs.py` has one function for each construct of the language; `test_rewrite_library.py` does the same
with modules of the standard library.
"""

import contextlib
import inspect
import sys
from types import CodeType, FunctionType, SimpleNamespace

import pytest

from pytest_conc.instrument.rewrite import rewrite
from suites.plugin import rewritten_programs
from suites.plugin.rewriting import HOOKS, codes_in, compiled, events_of, recording_hooks, rewritten, silent_hooks
from suites.plugin.rewritten_programs import CORPUS, annotated, loops

KEPT = [
    "co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_nlocals", "co_flags", "co_names", "co_varnames",
    "co_freevars", "co_cellvars", "co_filename", "co_name", "co_qualname", "co_firstlineno",
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


# -- exactly the expected events --------------------------------------------------------------------------------------

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
    "def f(o):\n x = o.items == (o.table if o.n else 1)\n o.n = o.n = x": [
        "read_attribute items", "read_attribute n", "read_container", "read_attribute table", "operate",
        "write_attribute n", "write_attribute n",
    ],
    "def f(o):\n x = (o.method if o else (lambda: 0))()\n o.n = o.n = x": [
        "read_container", "read_attribute method", "call", "write_attribute n", "write_attribute n",
    ],
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
    "def f(o): return f'{o} {o!r} {o.n:>4}'": [
        "read_container", "read_container", "read_attribute n", "read_container",
    ],
    "def f(o): return f'{1} {2!r}'": [],
    "def f(o): return [*o.items], {*o.items}": ["read_attribute items", "read_container"] * 2,
    "def f(o): return [1, 2, 3]": [],
    "def f(o): a, b = o.items": ["read_attribute items", "read_container"],
    "def f(o): a, *b = o.items": ["read_attribute items", "read_container"],
    "def f(o): a, b = o, o": [],
    "def f(o):\n a = b = c = d = o\n a, b, c, d = d, c, b, a": [],
    "def f(o):\n for x in o.items: pass": [
        "read_attribute items", "make_iterator", "iterating", "iterate", "iterate", "iterate",
    ],
    "def f(o):\n for x in (1, 2): pass": ["iterate", "iterate", "iterate"],
    "def f(o): return [x for x in o.items]": [
        "read_attribute items", "make_iterator", "iterating", "iterate", "iterate", "iterate",
    ],
    "def f(o): return list(x for x in o.items)": [
        "read_attribute items", "make_iterator", "iterating", "call", "iterate", "iterate", "iterate",
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
    "def f(o):\n o = o.n\n return lambda: o": ["read_cell o", "read_attribute n", "write_cell o"],
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


def test_a_loop_at_the_very_beginning_has_one_point_per_iteration():
    events: list[tuple] = []
    function = rewritten(compiled("def f(o):\n while True: o.pop()"), recording_hooks(events), gil=True)
    with pytest.raises(IndexError):
        function([1])
    once = ["gil_point", "read_attribute", "call"]
    assert [hook for hook, *_ in events] == [*once, "gil_point", *once]


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

    class Child(Subject):
        def method(self, *arguments, **keywords):
            return super().method(__class__)

    assert "read_cell __class__" not in events_of(Child.method, Child())


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
    assert (site.hot, site.owner_type, site.kind) == (False, None, 0)


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
    """(line, position of the instruction) of each frame below this one."""
    with pytest.raises(ZeroDivisionError) as raised:
        function(*arguments)
    steps = []
    step = raised.value.__traceback__.tb_next
    while step is not None:
        steps.append((step.tb_lineno, list(step.tb_frame.f_code.co_positions())[step.tb_lasti // 2]))
        step = step.tb_next
    assert steps
    return steps


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
    assert error.__traceback__.tb_lineno == 4


def test_every_line_is_traced_as_before():
    def lines(function):
        seen = []

        def trace(frame, event, argument):
            if frame.f_code.co_filename == rewritten_programs.__file__ and frame.f_code.co_name in (
                "loops",
                "<lambda>",
            ):
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
