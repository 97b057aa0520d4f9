"""Names of matrices in formulas: text, LaTeX, and how tightly it binds.

A label remembers how it was made, so that (A B)ᵀ is written Bᵀ Aᵀ, factors of numbers stand in
front, and two transpositions, inverses or signs cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Scalar, Shape


# How tightly a formula binds, from loosest.
SUM, KRONECKER, ENTRYWISE, PRODUCT, ATOM = range(5)
# Longer formulas give way to the shape of what they stand for.
LONGEST = 160


class Label(NamedTuple):
    """A formula in plain text and in LaTeX; ``made`` is a function here and what it was given."""

    text: str
    latex: str
    binding: int = ATOM
    made: tuple[Any, ...] = ()
    ndim: int = 2

    @property
    def scalar(self) -> bool:
        """Whether it stands for a number."""
        return self.ndim == 0

    @property
    def T(self) -> Label:
        """The transpose."""
        return transpose(self)

    @property
    def conj(self) -> Label:
        """The complex conjugate."""
        return conjugate(self)

    @property
    def inv(self) -> Label:
        """The inverse."""
        return inverse(self)

    def within(self, binding: int) -> Label:
        """The formula in brackets if it binds less tightly than this."""
        if self.binding >= binding:
            return self
        return Label(f"({self.text})", f"\\left({self.latex}\\right)", ATOM, (bracket, self))

    def is_made_by(self, *makers: Callable[..., Any]) -> bool:
        """Whether one of these functions made it."""
        return bool(self.made) and self.made[0] in makers


# Marked, so that a matrix which a user calls I or 1 is none of these.
IDENTITY = Label("I", "I", made=("identity",))
ONES = Label("1", "\\mathbf{1}", made=("ones",))


# ---------------------------------------------------------------------------------------- names


def named(name: str) -> Label:
    """A name as it is; a long one upright in LaTeX, and what follows _ a subscript."""
    stem, _, index = name.partition("_")
    latex = stem if len(stem) == 1 else f"\\mathrm{{{stem}}}"
    return Label(name, f"{latex}_{{{index}}}" if index else latex)


def unnamed(shape: Shape) -> Label:
    """What stands for a matrix without a name: its shape."""
    if not shape:
        return Label("[scalar]", "[\\cdot]", ndim=0)
    size = "x".join(map(str, shape))
    return Label(f"[{size}]", f"[{size.replace('x', chr(92) + 'times ')}]")


def fitting(label: Label | None, shape: Shape) -> Label:
    """The label of something of this shape; the shape itself without one, or for a long one."""
    if label is None or len(label.text) > LONGEST:
        return unnamed(shape)
    return label if label.ndim == len(shape) else label._replace(ndim=len(shape))


def number(c: Scalar) -> Label:
    """A number."""
    text = f"{c:.6g}"
    if isinstance(c, complex) or getattr(c, "dtype", None) is not None and c.dtype.kind == "c":
        return Label(f"({text})", f"({text})", ATOM, (number, c), 0)
    return Label(text, text, SUM if text.startswith("-") else ATOM, (number, c), 0)


def bracket(label: Label) -> Label:
    """(A)."""
    return label.within(ATOM + 1)


# ---------------------------------------------------------------------------- of one matrix


def transpose(a: Label) -> Label:
    """Aᵀ."""
    if a.scalar or a == IDENTITY:
        return a
    if a.is_made_by(transpose, adjoint):
        return a.made[1] if a.made[0] is transpose else conjugate(a.made[1])
    if a.is_made_by(product):
        return product(a.made[2].T, a.made[1].T)
    if a.is_made_by(hadamard, kronecker, quotient):
        return a.made[0](a.made[1].T, a.made[2].T)
    if a.is_made_by(scale):
        return scale(a.made[1], a.made[2].T)
    if a.is_made_by(conjugate):
        return adjoint(a.made[1])
    if a.is_made_by(inverse):
        inside = a.made[1].within(ATOM)
        return Label(inside.text + "⁻ᵀ", inside.latex + "^{-\\top}", ATOM, (transpose, a))
    inside = superscribed(a)
    return Label(inside.text + "ᵀ", inside.latex + "^{\\top}", ATOM, (transpose, a))


def conjugate(a: Label) -> Label:
    """The complex conjugate of A."""
    if a in (IDENTITY, ONES):
        return a
    if a.is_made_by(conjugate):
        return a.made[1]
    if a.is_made_by(transpose, adjoint):
        return adjoint(a.made[1]) if a.made[0] is transpose else a.made[1].T
    if a.is_made_by(scale):
        return scale(a.made[1].conjugate(), conjugate(a.made[2]))
    if a.is_made_by(number):
        return number(a.made[1].conjugate())
    return Label(f"conj({a.text})", f"\\overline{{{a.latex}}}", ATOM, (conjugate, a), a.ndim)


def adjoint(a: Label) -> Label:
    """Aᴴ."""
    if a.scalar:
        return conjugate(a)
    inside = superscribed(a)
    return Label(inside.text + "ᴴ", inside.latex + "^{\\mathsf{H}}", ATOM, (adjoint, a))


def inverse(a: Label) -> Label:
    """A⁻¹."""
    if a == IDENTITY:
        return a
    if a.is_made_by(inverse):
        return a.made[1]
    if a.is_made_by(transpose):
        return transpose(inverse(a.made[1]))
    inside = superscribed(a)
    return Label(inside.text + "⁻¹", inside.latex + "^{-1}", ATOM, (inverse, a))


def power(a: Label, p: Label) -> Label:
    """A to the power p, entry by entry."""
    inside, exponent = superscribed(a), p.within(ATOM)
    dot = "" if a.scalar else "\\circ "
    return Label(
        f"{inside.text}^{exponent.text}",
        f"{inside.latex}^{{{dot}{p.latex}}}",
        ATOM,
        (power, a, p),
        max(a.ndim, p.ndim),
    )


def superscribed(a: Label) -> Label:
    """What can take a superscript: no sum, no product, nothing that has one."""
    if a.is_made_by(transpose, adjoint, inverse, power):
        return bracket(a)
    return a.within(ATOM)


def vec(a: Label) -> Label:
    """Vec A."""
    inside = a.within(ATOM)
    return Label(f"vec {inside.text}", f"\\mathrm{{vec}}\\, {inside.latex}", PRODUCT)


def indexed(a: Label) -> Label:
    """A[…]."""
    inside = superscribed(a)
    return Label(f"{inside.text}[…]", f"{inside.latex}_{{[\\cdot]}}")


def function(name: str, *arguments: Label, **options: Any) -> Label:
    """f(A, …, option=value)."""
    chosen = [f"{key}={value}" for key, value in options.items()]
    text = ", ".join([*(a.text for a in arguments), *chosen])
    latex = ", ".join([*(a.latex for a in arguments), *(f"\\mathrm{{{c}}}" for c in chosen)])
    return Label(f"{name}({text})", f"\\mathrm{{{name}}}({latex})", ATOM, (function, name))


# ---------------------------------------------------------------------------- of two matrices


def coefficient(a: Label) -> tuple[Scalar, Label | None]:
    """(c, B) of a label c B, the number 1 without one."""
    if a.is_made_by(scale):
        return a.made[1:]
    return (a.made[1], None) if a.is_made_by(number) else (1, a)


def _scaled_out(join: Callable[..., Any], a: Label, b: Label) -> Label | None:
    """(c A) (d B) = c d (A B), for any kind of product; None without numbers."""
    (c, a), (d, b) = coefficient(a), coefficient(b)
    if type(c) is int and type(d) is int and c == d == 1 and a is not None and b is not None:
        return None
    if a is None or b is None:
        rest = b if a is None else a
        return number(c * d) if rest is None else scale(c * d, rest)
    return scale(c * d, join(a, b))


def product(a: Label, b: Label) -> Label:
    """A B, where I vanishes."""
    if IDENTITY in (a, b):
        return b if a == IDENTITY else a
    scaled = _scaled_out(product, a, b)
    if scaled is not None:
        return scaled
    made, ndim = (product, a, b), max(a.ndim, b.ndim)
    a, b = a.within(PRODUCT), b.within(PRODUCT)
    return Label(f"{a.text} {b.text}", f"{a.latex} {b.latex}", PRODUCT, made, ndim)


def matmul(a: Label, b: Label) -> Label:
    """A B; of vectors, which are columns, aᵀ b and Bᵀ a."""
    if a.ndim == 1:
        return product(a.T, b) if b.ndim == 1 else product(b.T, a)
    return product(a, b)


def hadamard(a: Label, b: Label) -> Label:
    """A ∘ B, where the matrix of ones vanishes; with a scalar A B."""
    if ONES in (a, b):
        return b if a == ONES else a
    scaled = _scaled_out(hadamard, a, b)
    if scaled is not None:
        return scaled
    if a.scalar or b.scalar:
        return product(a, b) if a.scalar else product(b, a)
    made = (hadamard, a, b)
    a, b = (each if each.is_made_by(hadamard) else each.within(ATOM) for each in (a, b))
    return Label(f"{a.text} ∘ {b.text}", f"{a.latex} \\circ {b.latex}", ENTRYWISE, made)


def quotient(a: Label, b: Label) -> Label:
    """A ⊘ B, entry by entry; A / b for a scalar b."""
    c, rest = coefficient(a)
    if rest is not None and not (type(c) is int and c == 1):
        return scale(c, quotient(rest, b))
    made, ndim = (quotient, a, b), max(a.ndim, b.ndim)
    text, latex = ("/", "/") if b.scalar else ("⊘", "\\oslash")
    a = a.within(PRODUCT if b.scalar and a.is_made_by(product) else ATOM)
    b = b.within(ATOM)
    return Label(f"{a.text} {text} {b.text}", f"{a.latex} {latex} {b.latex}", ENTRYWISE, made, ndim)


def kronecker(a: Label, b: Label) -> Label:
    """A ⊗ B."""
    scaled = _scaled_out(kronecker, a, b)
    if scaled is not None:
        return scaled
    made = (kronecker, a, b)
    a, b = (each if each.is_made_by(kronecker) else each.within(PRODUCT) for each in (a, b))
    return Label(f"{a.text} ⊗ {b.text}", f"{a.latex} \\otimes {b.latex}", KRONECKER, made)


def add(*labels: Label) -> Label:
    """A + B + …; equal terms are gathered, where their text says all of them.

    It does not with a bracket [: A[…] is any entries of A, [2x3] any matrix of that shape.
    """
    gathered: dict[Any, Any] = {}
    for each in labels:
        for term in each.made[1:] if each.is_made_by(add) else (each,):
            c, rest = coefficient(term)
            key: Any = None if rest is None else rest.text
            if rest is not None and "[" in rest.text:
                key = len(gathered)
            before, _ = gathered.get(key, (0, rest))
            gathered[key] = (before + c, rest)
    terms = [number(c) if a is None else scale(c, a) for c, a in gathered.values() if c != 0]
    if len(terms) < 2:
        return terms[0] if terms else number(0)
    return side_by_side(*terms)


def side_by_side(*terms: Label) -> Label:
    """A + B + … as they are; a term with a sign of its own is subtracted."""
    text, latex = terms[0].text, terms[0].latex
    for each in terms[1:]:
        negative = each.text.startswith("-")
        text += f" - {each.text[1:]}" if negative else f" + {each.text}"
        latex += f" - {each.latex[1:]}" if negative else f" + {each.latex}"
    return Label(text, latex, SUM, (add, *terms), max(each.ndim for each in terms))


def subtract(a: Label, b: Label) -> Label:
    """A - B."""
    return add(a, scale(-1, b))


def scale(c: Scalar, a: Label) -> Label:
    """C A for a number c."""
    if a.is_made_by(scale):
        c, a = c * a.made[1], a.made[2]
    if a.is_made_by(number):
        return number(c * a.made[1])
    if c == 1:
        return a
    made = (scale, c, a)
    if c == -1:
        inside = a.within(KRONECKER)
        return Label(f"-{inside.text}", f"-{inside.latex}", SUM, made, a.ndim)
    inside, factor = a.within(PRODUCT), number(c)
    return Label(
        f"{factor.text} {inside.text}",
        f"{factor.latex}\\, {inside.latex}",
        min(PRODUCT, factor.binding),
        made,
        a.ndim,
    )
