"""One function for each construct of the language, all of which return something: what `test_rewrite.py` rewrites."""

import contextlib
import functools
import sys

COUNTER = 0


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
    COUNTER = 0  # noqa: F841
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
    return f"{value} {value!r:>{width}} {value:.{2}f} {width=} {'x' if width > 3 else 'y'}{{}}" + "%s %r" % (  # noqa: UP031
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
        not (a == b),  # noqa: SIM201
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
    return matrix, numbers, a, a // b, a**2, ~a, -a, a @ b if isinstance(a, list) else a % b, [1] + [b], "ab" * b  # noqa: RUF005


def local_deletion():
    a = b = 1
    del a
    try:
        return a  # noqa: F821
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


def assertions(n=0):
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


CORPUS = [
    attributes, global_variables, closures, exceptions, exception_groups, with_blocks, generators, thrown_generators,
    comprehensions, comprehension_as_argument, decorated, classes, calls, matches, format_strings, comparisons,
    conditional_arguments, loops, items_and_slices, operators, local_deletion, annotated, recursive,
    assertions,
]  # fmt: skip
